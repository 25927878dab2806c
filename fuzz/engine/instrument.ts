/*
 * Puts counters into bundled JavaScript, so that the fuzzer sees which branches an input takes, and what is compared
 * with what. Only in the parts of the bundle that come from the sources under test: esbuild says above each module
 * where it comes from.
 */

import { parseAst } from 'vitest/node';

export interface Instrumented {
  readonly code: string;
  /** How many counters there are. */
  readonly counters: number;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

interface Edit {
  readonly position: number;
  /** What closes at a position stands ahead of what opens there. */
  readonly rank: 0 | 1;
  readonly text: string;
  readonly remove: number;
}

/** @param isUnderTest whether a module, by its path in the bundle's comments, is to be watched */
export function instrument(code: string, isUnderTest: (path: string) => boolean): Instrumented {
  const instrumenter = new Instrumenter(code);
  const program = parseAst(code) as unknown as { readonly body: readonly Node[] };
  const modules = [...code.matchAll(/^\/\/ (\S+\.[a-z]+)$/gm)].map(({ index, 1: path = '' }) => ({
    index,
    watched: isUnderTest(path),
  }));
  const watched = program.body.filter(
    ({ start }) => modules.findLast(({ index }) => index < start)?.watched === true,
  );
  for (const statement of watched) instrumenter.visit(statement);
  // Behind the module that makes what the counters are taken from.
  return instrumenter.result(watched[0]?.start ?? 0);
}

const prelude =
  'const { counters: __hits, eq: __eq, ne: __ne, lt: __lt, le: __le, gt: __gt, ge: __ge } = globalThis.__watch;\n';

const comparisons: Readonly<Record<string, string>> = {
  '===': '__eq',
  '!==': '__ne',
  '<': '__lt',
  '<=': '__le',
  '>': '__gt',
  '>=': '__ge',
};

class Instrumenter {
  readonly #code: string;
  readonly #edits: Edit[] = [];
  #counters = 0;

  constructor(code: string) {
    this.#code = code;
  }

  visit(node: Node): void {
    const child = (name: string): Node => node[name] as Node;
    switch (node.type) {
      case 'IfStatement':
        this.visit(child('test'));
        this.#block(child('consequent'));
        if (node['alternate']) this.#block(child('alternate'));
        else this.#close(child('consequent').end, ` else { ${this.#hit()}; }`);
        return;
      case 'ForStatement':
      case 'ForOfStatement':
      case 'ForInStatement':
      case 'WhileStatement':
      case 'DoWhileStatement':
        // Heads of loops run too often to watch what they compare.
        this.#block(child('body'));
        return;
      case 'ConditionalExpression':
        this.visit(child('test'));
        this.#expression(child('consequent'));
        this.#expression(child('alternate'));
        return;
      case 'LogicalExpression':
        this.visit(child('left'));
        this.#expression(child('right'));
        return;
      case 'SwitchCase': {
        const [first] = node['consequent'] as readonly Node[];
        if (first) this.#open(first.start, `${this.#hit()}; `);
        break;
      }
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        for (const parameter of node['params'] as readonly Node[]) this.visit(parameter);
        if (child('body').type === 'BlockStatement') this.#block(child('body'));
        else this.#expression(child('body'));
        return;
      case 'CatchClause':
        this.#block(child('body'));
        return;
      case 'BinaryExpression':
        if (this.#compare(node)) return;
        break;
    }
    this.#children(node);
  }

  /** @param start where the first statement that is watched begins */
  result(start: number): Instrumented {
    this.#edits.unshift({ position: start, rank: 1, text: prelude, remove: 0 });
    const edits = this.#edits
      .map((edit, index) => ({ ...edit, index }))
      .sort((a, b) => a.position - b.position || a.rank - b.rank || a.index - b.index);
    let code = '';
    let position = 0;
    for (const edit of edits) {
      code += this.#code.slice(position, edit.position) + edit.text;
      position = edit.position + edit.remove;
    }
    return { code: code + this.#code.slice(position), counters: this.#counters };
  }

  #children(node: Node): void {
    for (const value of Object.values(node)) {
      for (const item of Array.isArray(value) ? value : [value]) {
        if (item !== null && typeof item === 'object' && typeof item.type === 'string') this.visit(item);
      }
    }
  }

  #block(node: Node): void {
    if (node.type === 'BlockStatement') {
      this.#open(node.start + 1, ` ${this.#hit()}; `);
      this.#children(node);
      return;
    }
    this.#open(node.start, `{ ${this.#hit()}; `);
    this.visit(node);
    this.#close(node.end, ' }');
  }

  #expression(node: Node): void {
    this.#open(node.start, `(${this.#hit()}, `);
    this.visit(node);
    this.#close(node.end, ')');
  }

  /** What is compared with null, undefined or the name of a type says nothing about the input. */
  #compare(node: Node): boolean {
    const [left, right] = [node['left'] as Node, node['right'] as Node];
    const watch = comparisons[node['operator'] as string];
    if (!watch || [left, right].some(saysNothing)) return false;
    const operator = this.#code.indexOf(node['operator'] as string, left.end);
    this.#open(node.start, `${watch}(`);
    this.visit(left);
    this.#edits.push({ position: operator, rank: 1, text: ',', remove: String(node['operator']).length });
    this.visit(right);
    this.#close(node.end, ')');
    return true;
  }

  #hit(): string {
    this.#counters += 1;
    return `__hits[${this.#counters - 1}]++`;
  }

  #open(position: number, text: string): void {
    this.#edits.push({ position, rank: 1, text, remove: 0 });
  }

  #close(position: number, text: string): void {
    this.#edits.push({ position, rank: 0, text, remove: 0 });
  }
}

function saysNothing({ type, value, name, operator }: Node): boolean {
  if (type === 'Literal') return value === null || typeof value === 'boolean';
  if (type === 'UnaryExpression') return operator === 'void' || operator === 'typeof';
  return type === 'Identifier' && name === 'undefined';
}
