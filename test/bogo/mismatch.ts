/** What the flags expect is not what came. */
export class Mismatch extends Error {
  constructor(what: string, found: unknown, expected: unknown) {
    super(`${what}: expected ${show(expected)}, found ${show(found)}`);
  }
}

export function sameList(what: string, found: readonly unknown[], expected: readonly unknown[]): void {
  if (found.length !== expected.length || found.some((one, index) => one !== expected[index]))
    throw new Mismatch(what, found, expected);
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
