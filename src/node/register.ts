import { createRequire, syncBuiltinESMExports } from 'node:module';
import nodeTls from 'node:tls';
import { connectArguments } from './connect-arguments.ts';
import { exportContexts } from './current-context.ts';
import face from './face.ts';
import { protocolNamesOf } from './protocols.ts';
import { offerStreamBase } from './stream-base.ts';
import { setTruncation, type Truncation } from './truncation.ts';

type Class = (abstract new (...given: never[]) => object) & { readonly prototype: object };

/** What of `node:tls` says something about Node itself, and stays. */
const kept: readonly string[] = ['rootCertificates', 'getCertificateCompressionAlgorithms'];

/** Older names under which programs get at the same. */
const aliases: readonly string[] = ['_tls_wrap', '_tls_common'];

const mark = Symbol.for('tacit-tls/node/register');

/** Why the process cannot go on. */
class RegisterError extends Error {}

/**
 * Puts the face in the place of `node:tls`, for the whole process. Settings come from the environment:
 * `TACIT_REGISTER_TRUNCATION` (`tolerate` by default, or `strict`), and `TACIT_REGISTER_NOTICE=1` for a line on stderr.
 * Where that cannot be done, the process ends with code 1 and says why.
 */
export function register(): void {
  try {
    replaceAll(process.env);
  } catch (error) {
    // Half of a replacement is worse than none, whatever has stopped it.
    const reason = error instanceof RegisterError ? error.message : String(error);
    process.stderr.write(`tacit-tls/node/register: ${reason}\n`);
    process.exit(1);
  }
}

function replaceAll(environment: NodeJS.ProcessEnv): void {
  // By another copy of this package: one is enough.
  if (mark in nodeTls) return;
  const truncation = truncationOf(environment['TACIT_REGISTER_TRUNCATION']);
  const require = createRequire(import.meta.url);
  const own = nodeTls.Server as unknown as Class;
  setTruncation(truncation);
  replace(nodeTls);
  exportContexts(nodeTls);
  for (const name of aliases) replaceAlias(require, name);
  moveLoaded(require, own);
  syncBuiltinESMExports();
  Object.defineProperty(nodeTls, mark, { value: true });
  if (environment['TACIT_REGISTER_NOTICE'] === '1')
    process.stderr.write(
      `tacit-tls/node/register: node:tls is Tacit in process ${process.pid} (${truncation})\n`,
    );
}

function truncationOf(value: string | undefined): Truncation {
  if (value === undefined || value === '') return 'tolerate';
  if (value === 'strict' || value === 'tolerate') return value;
  throw new RegisterError(`TACIT_REGISTER_TRUNCATION: expected 'strict' or 'tolerate', got '${value}'`);
}

/** Everything: what the face does not have would do its work with OpenSSL. */
function replace(exports: object): void {
  const ourOwn = { ...Object.getOwnPropertyDescriptors(face), connect: connectDescriptor };
  for (const name of new Set([...Object.keys(exports), ...Object.keys(ourOwn)])) {
    const ours = (ourOwn as Record<string, PropertyDescriptor>)[name];
    const theirs = Object.getOwnPropertyDescriptor(exports, name);
    if (kept.includes(name) || (ours === undefined && typeof theirs?.value !== 'function')) continue;
    Object.defineProperty(exports, name, { configurable: true, ...(ours ?? missing(name)) });
  }
}

const connectDescriptor: PropertyDescriptor = {
  /** Node's http2 takes a socket that still connects, before it is told whether HTTP/2 is what will be spoken. */
  value: function connect(...given: Parameters<typeof face.connect>) {
    const socket = face.connect(...given);
    const { ALPNProtocols } = connectArguments(given).options as { readonly ALPNProtocols?: unknown };
    if (protocolNamesOf(ALPNProtocols).includes('h2')) offerStreamBase(socket);
    return socket;
  },
  writable: true,
  enumerable: true,
};

function missing(name: string): PropertyDescriptor {
  const value = (): never => {
    throw new RegisterError(
      `tls.${name}: tacit-tls/node/register has replaced node:tls, and does not have it`,
    );
  };
  return { value, writable: true, enumerable: true };
}

/** Node 26 calls them deprecated; it is not the program that has asked for them here. */
function replaceAlias(require: NodeJS.Require, name: string): void {
  const { noDeprecation = false } = process;
  // By --no-deprecation it is, and cannot be written.
  if (!noDeprecation) process.noDeprecation = true;
  const exports = require(name) as Record<string, unknown>;
  if (!noDeprecation) process.noDeprecation = false;
  // Node itself takes what else is there.
  for (const key of Object.keys(exports)) {
    if (Object.hasOwn(face, key)) exports[key] = (nodeTls as unknown as Record<string, unknown>)[key];
  }
}

/** What was loaded before, and has classes that are derived from Node's, derives them from ours from now on. */
function moveLoaded(require: NodeJS.Require, own: Class): void {
  const { moduleLoadList } = process as { readonly moduleLoadList?: readonly string[] };
  const isLoaded = (name: string): boolean => moduleLoadList?.includes(`NativeModule ${name}`) !== false;
  if (isLoaded('https')) {
    const https = require('node:https') as { readonly Server: Class };
    move('node:https', https.Server, own);
  }
  if (isLoaded('internal/http2/core')) {
    const http2 = require('node:http2') as { createSecureServer(): { readonly constructor: unknown } };
    // The class has no name outside.
    move('node:http2', http2.createSecureServer().constructor as Class, own);
  }
}

/** `made` may be what a monitoring agent has derived: the one right above Node's is moved. */
function move(module: string, made: Class, own: Class): void {
  const ours = face.Server as unknown as Class;
  for (let { prototype } = made; prototype !== null; prototype = Object.getPrototypeOf(prototype)) {
    if (Object.getPrototypeOf(prototype) === ours.prototype) return;
    const { constructor: derived } = prototype;
    if (Object.getPrototypeOf(prototype) !== own.prototype || Object.getPrototypeOf(derived) !== own)
      continue;
    Object.setPrototypeOf(prototype, ours.prototype);
    Object.setPrototypeOf(derived, ours);
    return;
  }
  throw new RegisterError(
    `${module} was loaded before, and its servers cannot be moved: register first of all`,
  );
}
