import { existsSync, readFileSync, statSync } from 'node:fs';
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** A mistake in the arguments: its message is one line that says what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';

  constructor(message = '') {
    super(oneLine(message));
  }
}

/** On one line: an argument may hold line breaks, and what a terminal takes for orders. */
export function oneLine(text: string): string {
  const escaped = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16)}}`;
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, escaped);
}

type Options = NonNullable<ParseArgsConfig['options']>;

/** What `parseArguments` gives for these options. */
export type ParsedArguments<T extends Options> = ReturnType<
  typeof parseArgs<{ options: T; allowPositionals: true; strict: true }>
>;

/**
 * @param args what stands behind the command's name
 * @param options as `parseArgs` of node:util takes them
 * @throws {UsageError} unknown options, missing values
 */
export function parseArguments<T extends Options>(args: readonly string[], options: T): ParsedArguments<T> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    // Node's second sentence is about its own API.
    throw new UsageError((error as Error).message.split(/\. |\n/)[0]);
  }
}

/** Whether `--help` or `-h` stands among the options. */
export function wantsHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const options = end === -1 ? args : args.slice(0, end);
  return options.includes('--help') || options.includes('-h');
}

/** @throws {UsageError} unless there are exactly `names.length` positional arguments */
export function requirePositionals(positionals: readonly string[], names: readonly string[]): void {
  const missing = names[positionals.length];
  if (missing !== undefined) throw new UsageError(`${missing} is missing`);
  const extra = positionals[names.length];
  if (extra !== undefined) throw new UsageError(`'${extra}' is one argument too many`);
}

/** A decimal number in a range, as the value of `option`. */
export function parseWhole(text: string, option: string, least: number, most: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${option} takes a number from ${least} to ${most}, not '${text}'`);
}

/** Where to connect to. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`, an IPv6 address in brackets. */
export function parseHostPort(text: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host !== undefined && port >= 1 && port <= 65_535) return { host, port };
  throw new UsageError(`'${text}' is not HOST:PORT, for example localhost:6514 or [::1]:6514`);
}

/** `HOST:PORT` as `parseHostPort` reads it. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What `--ca` names: one of the sets of `ca`, or what a file holds; bytes, which are never the name of a set. */
export function readAuthorities(value: string): string | Uint8Array {
  return value === 'bundled' || value === 'system' ? value : readBytes(value, '--ca');
}

/** The text of a file that an option names. */
export function readTextFile(path: string, option: string): string {
  return new TextDecoder().decode(readBytes(path, option));
}

/** The bytes of a file. @param what names it: an option, or an argument */
export function readBytes(path: string, what: string): Uint8Array {
  requireFile(path, what);
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    throw new UsageError(`${what}: '${path}' cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/**
 * @returns the file's length in bytes
 * @throws {UsageError} where there is none, or it is a directory
 */
export function requireFile(path: string, what: string): number {
  if (!existsSync(path)) throw new UsageError(`${what}: there is no file '${path}'`);
  const stat = statSync(path);
  if (stat.isDirectory()) throw new UsageError(`${what}: '${path}' is a directory, name a file`);
  return stat.size;
}
