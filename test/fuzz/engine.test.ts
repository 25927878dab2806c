import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { plant } from '../../fuzz/engine/build.ts';
import { Corpus } from '../../fuzz/engine/corpus.ts';
import { Fuzzer } from '../../fuzz/engine/fuzzer.ts';
import { instrument } from '../../fuzz/engine/instrument.ts';
import { demand, Finding, type Target } from '../../fuzz/engine/target.ts';
import { watch } from '../../fuzz/engine/watch.ts';
import { planted } from '../../fuzz/planted.ts';
import { targetNames } from '../../fuzz/target-names.ts';

/** Functions of a source, instrumented. */
function functionsOf<Functions>(
  source: string,
  ...names: readonly string[]
): Functions & { readonly used: number } {
  const { code, counters } = instrument(`// src/a.ts\n${source}`, (path) => path.startsWith('src/'));
  const functions = new Function(`${code}\nreturn { ${names.join(', ')} };`)() as Functions;
  return { ...functions, used: counters };
}

describe('instrumented code', () => {
  it('does what it did, whatever it is made of', () => {
    const source = `
      function all(n, list = [1, 2]) {
        let text = '';
        for (const item of list) if (item > 1) text += item; else text += '-';
        for (let i = 0; i < n; i++) text += i % 2 === 0 ? 'e' : 'o';
        outer: while (true) { for (;;) { if (n !== 3) break outer; n = 4; } }
        do text += (n <= 4) && (n >= 4 || null) ? '' : '?'; while (false);
        const arrow = (value) => ({ value }), deep = (a) => (b) => a ?? b;
        switch (typeof n) { case 'number': case 'bigint': text += 'n'; break; default: text += 'x'; }
        try { throw new Error(text) } catch ({ message }) { return [message, arrow(n).value, deep(undefined)(n < 0)]; }
      }
      class Base { made = 1; }
      class Derived extends Base { #own; constructor(own) { super(); this.#own = own === undefined ? 'none' : own; } get own() { return this.#own; } }
      const made = (own) => new Derived(own).own;`;
    type Functions = { all(n: number): unknown; made(own?: string): string };
    const plain = new Function(`${source}\nreturn { all, made };`)() as Functions;
    const watched = functionsOf<Functions>(source, 'all', 'made');
    for (const n of [0, 1, 3, 5, -1]) expect(watched.all(n)).toEqual(plain.all(n));
    expect([watched.made(), watched.made('x')]).toEqual([plain.made(), plain.made('x')]);
    expect(watched.used).toBeGreaterThan(15);
  });

  it('counts in the modules that are under test only', () => {
    const code =
      '// test/a.ts\nfunction a(x) { if (x) return 1; }\n// src/b.ts\nfunction b(x) { if (x) return 1; }\n';
    expect(instrument(code, (path) => path.startsWith('src/')).counters).toBe(3);
    expect(instrument(code, () => true).counters).toBe(6);
  });
});

/** Nobody guesses five bytes: what is compared, and which branches are new, leads there. */
const { check } = functionsOf<{ check(bytes: Uint8Array): boolean }>(
  `function check(b) {
    const word = b[1] * 256 + b[2];
    if (b[0] === 0x5a) if (word === 0xbeef) if (b[3] > 0xf0) if (b.length === 9) return true;
    return false;
  }`,
  'check',
);

const needle: Target = {
  maxLength: 20,
  maxTime: 1_000,
  run: (input) => demand(!check(input), 'found'),
};

function fuzzerOf(target: Target, seed: number): Fuzzer {
  watch.counters.fill(0);
  const nothing = (): void => {};
  return new Fuzzer(target, {
    seed,
    seconds: 20,
    counters: 64,
    inputs: [],
    given: 0,
    announce: nothing,
    report: nothing,
  });
}

describe('the fuzzer', () => {
  it('finds what takes several right guesses in a row, the same for the same seed', async () => {
    const found = await fuzzerOf(needle, 1).run();
    expect(found?.error).toBeInstanceOf(Finding);
    expect(check(found?.input ?? new Uint8Array(0))).toBe(true);
    expect(await fuzzerOf(needle, 1).run()).toMatchObject({ input: found?.input });
  });

  it('makes what it finds small', async () => {
    const target: Target = {
      ...needle,
      maxLength: 2_000,
      run: (input) => demand(!(input.length > 1 && input.at(-1) === 7), 'found'),
    };
    expect((await fuzzerOf(target, 1).run())?.input).toHaveLength(2);
  });

  it('takes what lasts too long for a finding', async () => {
    const target: Target = {
      ...needle,
      maxTime: 5,
      run(input) {
        for (const end = performance.now() + 30; input[0] === 1 && performance.now() < end; );
      },
    };
    expect((await fuzzerOf(target, 1).run())?.error).toMatchObject({
      message: expect.stringMatching(/ms, not 5/),
    });
  });
});

describe('the corpus', () => {
  it('keeps what is new, and gives as few inputs as have all of it', () => {
    const counters = new Uint8Array(8);
    const corpus = new Corpus(counters, 8);
    const judge = (size: number, ...taken: readonly number[]): boolean => {
      for (const counter of taken) counters[counter]! += 1;
      return corpus.judge(new Uint8Array(size));
    };
    expect(judge(100, 0, 1)).toBe(true);
    expect(judge(10, 0, 1)).toBe(false);
    // Twice is another thing than once.
    expect(judge(10, 0, 0)).toBe(true);
    expect(judge(20, 0, 1, 2, 3)).toBe(true);
    expect(corpus.features).toBe(5);
    const lengths = (maxBytes: number): number[] => corpus.distil(maxBytes).map(({ length }) => length);
    expect(lengths(1_000)).toEqual([20, 10]);
    expect(lengths(25)).toEqual([20]);
    corpus.takeAsGiven();
    expect(judge(5, 0, 7)).toBe(true);
    expect(lengths(1_000)).toEqual([5]);
  });
});

describe('each planted defect', () => {
  it.each(planted.map((defect) => [defect.name, defect] as const))(
    'has its place in the sources: %s',
    (_, defect) => {
      const path = fileURLToPath(new URL(`../../${defect.file}`, import.meta.url));
      expect(plant(readFileSync(path, 'utf8'), defect)).toContain(defect.replace);
    },
  );

  it('there is one for every target', () => {
    expect(new Set(planted.map(({ target }) => target))).toEqual(new Set(targetNames));
  });
});
