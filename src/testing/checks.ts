import type { ByteStream } from '../streams/byte-stream.ts';
import { cloggedChecks } from './check-clogged.ts';
import { endingChecks } from './check-ending.ts';
import { halfCloseOnlyChecks } from './check-half-close.ts';
import { readingChecks } from './check-reading.ts';
import { type CheckDefinition, CheckTools, StreamCheckError, unwatched } from './check-tools.ts';
import { twoWayOnlyChecks } from './check-two-way.ts';
import { writingChecks } from './check-writing.ts';

/** Makes a new connection, ready to be used, and gives its ends. */
export type MakePair = () => Promise<readonly [ByteStream, ByteStream]> | readonly [ByteStream, ByteStream];

export interface CheckOptions {
  /**
   * Makes a connection on which a write of the first end waits until the second has read what is in its way. Without
   * it, what a waiting write must be like is not checked.
   */
  readonly makeClogged?: MakePair | undefined;
  /** Milliseconds that one call may take; 5 000 by default. */
  readonly timeout?: number | undefined;
  /**
   * Lets everything happen that can happen without the check: checks that something still waits look after it. Some
   * turns of the event loop and 5 ms by default, which is enough for memory and for a loopback connection.
   */
  readonly rest?: (() => Promise<void>) | undefined;
}

/** One thing that a stream must do. */
export interface StreamCheck {
  /** What a stream must do, in words. */
  readonly name: string;
  /** Rejects with a StreamCheckError, which says what the stream did instead. Destroys the connection that it made. */
  run(): Promise<void>;
}

const oneWayDefinitions: readonly CheckDefinition[] = [
  ...readingChecks,
  ...writingChecks,
  ...endingChecks,
  ...cloggedChecks,
];

/**
 * What a stream must do in one direction: the first end of the pair writes and closes, the second reads. For test
 * frameworks: each check can be a test of its own.
 */
export function oneWayStreamChecks(makePair: MakePair, options: CheckOptions = {}): readonly StreamCheck[] {
  return bind(oneWayDefinitions, makePair, options);
}

/** What a stream must do that can be written and read: the one-way checks in both directions, and those for both together. */
export function twoWayStreamChecks(makePair: MakePair, options: CheckOptions = {}): readonly StreamCheck[] {
  // What is clogged in one direction cannot be turned round.
  const turned = { ...options, makeClogged: undefined };
  return [
    ...bind(named('first to second: '), makePair, options),
    ...bind(named('second to first: '), flipped(makePair), turned),
    ...bind(twoWayOnlyChecks, makePair, options),
  ];
}

/** What a stream must do whose directions can end one after the other: the two-way checks and those for `closeWrite()`. */
export function halfCloseableStreamChecks(
  makePair: MakePair,
  options: CheckOptions = {},
): readonly StreamCheck[] {
  return [...twoWayStreamChecks(makePair, options), ...bind(halfCloseOnlyChecks, makePair, options)];
}

/** Runs the one-way checks. @throws StreamCheckError naming every check that failed */
export function checkOneWayStream(makePair: MakePair, options: CheckOptions = {}): Promise<void> {
  return runAll(oneWayStreamChecks(makePair, options));
}

/** Runs the two-way checks. @throws StreamCheckError naming every check that failed */
export function checkTwoWayStream(makePair: MakePair, options: CheckOptions = {}): Promise<void> {
  return runAll(twoWayStreamChecks(makePair, options));
}

/** Runs the checks of a half-closeable stream: of a `ByteStream`. @throws StreamCheckError naming every check that failed */
export function checkHalfCloseableStream(makePair: MakePair, options: CheckOptions = {}): Promise<void> {
  return runAll(halfCloseableStreamChecks(makePair, options));
}

async function runAll(checks: readonly StreamCheck[]): Promise<void> {
  const failures: unknown[] = [];
  for (const check of checks) await check.run().catch((error: unknown) => failures.push(error));
  if (failures.length === 0) return;
  const list = failures.map((error) => `- ${error instanceof Error ? error.message : error}`).join('\n');
  throw new StreamCheckError(`${failures.length} of ${checks.length} checks of the stream failed:\n${list}`, {
    cause: failures,
  });
}

function bind(
  definitions: readonly CheckDefinition[],
  makePair: MakePair,
  { makeClogged, timeout = 5_000, rest }: CheckOptions,
): readonly StreamCheck[] {
  return definitions.flatMap((definition) => {
    const make = definition.isClogged === true ? makeClogged : makePair;
    return make === undefined
      ? []
      : [{ name: definition.name, run: () => run(definition, make, new CheckTools(timeout, rest)) }];
  });
}

async function run({ name, body }: CheckDefinition, make: MakePair, tools: CheckTools): Promise<void> {
  const [first, second] = await make();
  try {
    await Promise.race([unwatched(body(first, second, tools)), tools.failed]);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new StreamCheckError(`${name}: ${found}`, { cause });
  } finally {
    first.destroy();
    second.destroy();
  }
}

function named(prefix: string): readonly CheckDefinition[] {
  return oneWayDefinitions.map((definition) => ({ ...definition, name: prefix + definition.name }));
}

function flipped(make: MakePair): MakePair {
  return async () => {
    const [first, second] = await make();
    return [second, first];
  };
}
