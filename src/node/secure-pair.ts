import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import { newContext } from './current-context.ts';
import { nodeError } from './errors.ts';
import { SecureContext } from './secure-context.ts';
import { type SocketOptions, TLSSocket } from './tls-socket.ts';
import { warningOnce } from './warnings.ts';

/** As `tls.SecurePair`: TLS between two duplexes, of which `encrypted` is for whoever carries the bytes. */
export class SecurePair extends EventEmitter {
  readonly encrypted: Duplex;
  readonly cleartext: TLSSocket;
  readonly credentials: SecureContext;

  constructor(
    context: SecureContext | null = newContext({}),
    isServer = false,
    requestCert: boolean = !isServer,
    rejectUnauthorized = false,
    options: SocketOptions = {},
  ) {
    super();
    const [near, far] = duplexPair();
    this.credentials = context ?? newContext({});
    if (!(this.credentials instanceof SecureContext))
      throw nodeError('ERR_TLS_INVALID_CONTEXT', 'context must be a SecureContext');
    this.encrypted = far;
    this.cleartext = new TLSSocket(near, {
      ...options,
      secureContext: this.credentials,
      isServer,
      requestCert,
      rejectUnauthorized,
    });
    this.cleartext.once('secure', () => this.emit('secure'));
  }

  destroy(): void {
    this.cleartext.destroy();
    this.encrypted.destroy();
  }
}

const warn = warningOnce(
  'tls.createSecurePair() is deprecated. Please use tls.TLSSocket instead.',
  'DeprecationWarning',
  'DEP0064',
);

/** As `tls.createSecurePair`, with its warning. */
export function createSecurePair(...given: ConstructorParameters<typeof SecurePair>): SecurePair {
  warn();
  return new SecurePair(...given);
}

/** What is written to one can be read from the other; a write is done when it was read. */
function duplexPair(): readonly [Duplex, Duplex] {
  const [near, far] = [new PairSide(), new PairSide()];
  near.other = far;
  far.other = near;
  return [near, far];
}

class PairSide extends Duplex {
  other: PairSide | undefined;
  #taken: (() => void) | undefined;

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    if (chunk.length === 0) process.nextTick(callback);
    else this.other?.give(chunk, callback);
  }

  override _final(callback: () => void): void {
    this.other?.give(null, callback);
  }

  /** @param callback once it was asked for more; there is no more behind the end */
  give(chunk: Buffer | null, callback: () => void): void {
    this.push(chunk);
    if (chunk === null) callback();
    else this.#taken = callback;
  }
}
