/** What the forms of `connect` come to: `(options)`, `(path, options)` and `(port, host, options)`, each with a listener. */
export interface ConnectArguments {
  readonly options: object;
  readonly listener: (() => void) | undefined;
}

export function connectArguments(given: readonly unknown[]): ConnectArguments {
  const [first, second] = given;
  const objects = given.filter((argument) => typeof argument === 'object' && argument !== null);
  return {
    // Without a prototype: what somebody has put into that of all objects is no option, and switches nothing off.
    options: Object.assign(Object.create(null), ...objects, placeOf(first, second)),
    listener: given.findLast((argument) => typeof argument === 'function') as (() => void) | undefined,
  };
}

function placeOf(first: unknown, second: unknown): object {
  if (typeof first === 'object' || first === undefined) return {};
  if (typeof first === 'string' && Number.isNaN(Number(first))) return { path: first };
  return { port: Number(first), ...(typeof second === 'string' && { host: second }) };
}
