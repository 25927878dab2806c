import fc from 'fast-check';
import type { ProtocolVersion } from '../../../src/wire/names.ts';

/** What a program does with its end of a connection. */
export type Operation =
  | readonly ['write', number]
  | readonly ['readExactly', number]
  | readonly ['readToEnd']
  | readonly ['closeWrite']
  | readonly ['close']
  /** Closes while the write is under way. */
  | readonly ['writeAndClose', number];

/** What the program at one end does: everything in turn, or its reads and its writes in a task each and then the rest. */
export interface Program {
  readonly operations: readonly Operation[];
  readonly readsAside: boolean;
}

/** The programs at the two ends of a connection. None depends on how bytes are grouped, or on time. */
export type Script = readonly [Program, Program];

/** The script as a person writes it down. */
export function drawn(script: Script): string {
  return script
    .map(({ operations, readsAside }, end) => {
      const calls = operations.map(([call, bytes]) => (bytes === undefined ? call : `${call} ${bytes}`));
      return `${end === 0 ? 'client' : 'server'}${readsAside ? ' (reads in a task of their own)' : ''}: ${calls.join(', ')}`;
    })
    .join('\n');
}

/** A part of a conversation, so that most scripts come to their end over a transport without a buffer. */
type Step =
  | {
      readonly kind: 'transfer';
      readonly from: 0 | 1;
      readonly bytes: number;
      readonly read: 'all' | 'half' | 'none';
    }
  | {
      readonly kind: 'end';
      readonly from: 0 | 1;
      readonly how: 'closeWrite' | 'close';
      readonly isRead: boolean;
    }
  | { readonly kind: 'extra'; readonly end: 0 | 1; readonly operation: Operation };

const end: fc.Arbitrary<0 | 1> = fc.constantFrom(0, 1);

/** Nothing, a few bytes, more than a small buffer. */
const tinyLength: fc.Arbitrary<number> = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 20 }) },
  { weight: 1, arbitrary: fc.integer({ min: 50, max: 400 }) },
);

/** Nothing, a few bytes, some more. */
const shortLength: fc.Arbitrary<number> = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 20 }) },
  { weight: 3, arbitrary: fc.integer({ min: 100, max: 3_000 }) },
);

/** The same, and around a record and what a stream reads ahead. */
const anyLength: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: shortLength },
  { weight: 1, arbitrary: fc.constantFrom(16_383, 16_384, 16_385, 40_000) },
  { weight: 1, arbitrary: fc.constantFrom(65_535, 65_536, 70_000, 150_000) },
);

const operation = (length: fc.Arbitrary<number>): fc.Arbitrary<Operation> =>
  fc.oneof(
    length.map((bytes) => ['write', bytes] as const),
    length.map((bytes) => ['readExactly', bytes] as const),
    fc.constantFrom<Operation>(['readToEnd'], ['closeWrite']),
  );

const step = (length: fc.Arbitrary<number>): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant('transfer' as const),
        from: end,
        bytes: length,
        read: fc.constantFrom('all' as const, 'all' as const, 'half' as const, 'none' as const),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('end' as const),
        from: end,
        how: fc.constantFrom('closeWrite' as const, 'closeWrite' as const, 'close' as const),
        isRead: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('extra' as const), end, operation: operation(length) }),
    },
  );

/** Scripts of which most come to their end; both programs close at last. */
export const scripts: fc.Arbitrary<Script> = scriptsOf(anyLength, fc.oneof(anyLength, fc.constant(150_000)));

/** The same with little data, for transports that need a step for every byte. */
export const shortScripts: fc.Arbitrary<Script> = scriptsOf(shortLength, shortLength);

/** The same with hardly any, for transports that need many steps for every byte. */
export const tinyScripts: fc.Arbitrary<Script> = scriptsOf(tinyLength, tinyLength);

/** One program only writes, the other only reads; both close at last. */
export const uploads: fc.Arbitrary<Script> = fc
  .tuple(fc.array(tinyLength, { minLength: 1, maxLength: 5 }), fc.boolean(), end)
  .map(([lengths, readsToEnd, from]) => {
    const writes = lengths.map((bytes) => ['write', bytes] as const);
    const reads = lengths.map((bytes) => ['readExactly', bytes] as const);
    const sender: Program = { operations: [...writes, ['close']], readsAside: false };
    const receiver: Program = {
      operations: [...(readsToEnd ? [['readToEnd'] as const] : reads), ['close']],
      readsAside: false,
    };
    return from === 0 ? [sender, receiver] : [receiver, sender];
  });

/** Those that a version can hold: TLS 1.2 has no half-close. */
export function scriptsFor(scripts: fc.Arbitrary<Script>, version?: ProtocolVersion): fc.Arbitrary<Script> {
  return version === 'TLSv1.2' ? scripts.map(withoutHalfClose) : scripts;
}

/** The script, but that each end has read all that the other one writes before it ends itself. */
function withoutHalfClose(script: Script): Script {
  const [first, second] = script;
  // Two last writes, each behind the other one's end, would wait for each other.
  const last = second.operations.at(-1);
  const isBoth = first.operations.at(-1)?.[0] === 'writeAndClose' && last?.[0] === 'writeAndClose';
  const other: Program = isBoth
    ? { ...second, operations: [...second.operations.slice(0, -1), ['close']] }
    : second;
  return [readingBeforeItEnds(first, other), readingBeforeItEnds(other, first)];
}

function readingBeforeItEnds({ operations, readsAside }: Program, writer: Program): Program {
  const count = (of: readonly Operation[], calls: readonly Operation[0][]): number =>
    of.reduce((sum, [call, bytes = 0]) => (calls.includes(call) ? sum + bytes : sum), 0);
  const end = operations.findIndex((one) => one[0] === 'closeWrite' || isLast(one));
  const before = operations.slice(0, end);
  const missing = count(writer.operations, ['write', 'writeAndClose']) - count(before, ['readExactly']);
  const hasReadAll = missing <= 0 || before.some(([call]) => call === 'readToEnd');
  const rest = operations.slice(end);
  return {
    operations: hasReadAll ? operations : [...before, ['readExactly', missing], ...rest],
    // Otherwise it would not wait for its reads.
    readsAside: readsAside && !rest.some(([call]) => call === 'closeWrite'),
  };
}

function scriptsOf(length: fc.Arbitrary<number>, last: fc.Arbitrary<number>): fc.Arbitrary<Script> {
  return fc
    .tuple(fc.array(step(length), { maxLength: 10 }), farewell(last), farewell(last))
    .map(([steps, first, second]) => scriptOf(steps, [first, second]));
}

/** How a program ends, and whether it reads in a task of its own before. */
interface Farewell {
  readonly last: Operation;
  readonly readsAside: boolean;
}

function farewell(length: fc.Arbitrary<number>): fc.Arbitrary<Farewell> {
  return fc.record({
    last: fc.oneof(
      { weight: 1, arbitrary: fc.constant(['close'] as const) },
      { weight: 1, arbitrary: length.map((bytes) => ['writeAndClose', bytes] as const) },
    ),
    readsAside: fc.boolean(),
  });
}

function scriptOf(steps: readonly Step[], farewells: readonly [Farewell, Farewell]): Script {
  const operations: [Operation[], Operation[]] = [[], []];
  const isClosed = [false, false];
  const add = (at: 0 | 1, ...added: readonly Operation[]): void => {
    if (!isClosed[at]) operations[at].push(...added);
    if (added.some(isLast)) isClosed[at] = true;
  };
  for (const part of steps) {
    if (part.kind === 'extra') {
      add(part.end, part.operation);
    } else if (part.kind === 'transfer') {
      const { from, bytes, read } = part;
      add(from, ['write', bytes]);
      if (read !== 'none') add(other(from), ['readExactly', read === 'all' ? bytes : bytes >> 1]);
    } else {
      add(part.from, [part.how]);
      if (part.isRead) add(other(part.from), ['readToEnd']);
    }
  }
  add(0, farewells[0].last);
  add(1, farewells[1].last);
  return [
    { operations: operations[0], readsAside: farewells[0].readsAside },
    { operations: operations[1], readsAside: farewells[1].readsAside },
  ];
}

/** Whether nothing can come behind it. */
export function isLast([call]: Operation): boolean {
  return call === 'close' || call === 'writeAndClose';
}

function other(of: 0 | 1): 0 | 1 {
  return of === 0 ? 1 : 0;
}
