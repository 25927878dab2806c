import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { concatBytes } from '../base/bytes.ts';
import { TlsUsageError } from '../base/errors.ts';
import type { ByteStream } from '../streams/byte-stream.ts';
import type { DrainOptions } from '../streams/drain.ts';
import { type DuplexHandling, DuplexStream } from './duplex-stream.ts';
import { TcpStream } from './tcp-stream.ts';

/** Settings of `fromDuplex()`. */
export interface FromDuplexOptions {
  /** How long and how much `close()` drains; 30 s and 16 MiB by default. */
  readonly drain?: DrainOptions | undefined;
}

/**
 * Any duplex of Node's as a stream: a socket, a proxy's CONNECT socket, an SSH channel, an HTTP/2 stream. Nothing is
 * read before the first `read()`, and then no more than the duplex's high-water mark ahead.
 *
 * A `net.Socket` gets what `connect()` gives TLS: `allowHalfOpen`, a failed write that costs nothing of what was
 * received, a `destroy()` that resets. Of other duplexes less can be had:
 * - one made with `allowHalfOpen: false` ends its writing when its reading ends; writing rejects with `BrokenError` then;
 * - a failed write destroys it, and with it what it has not yet handed to Node's stream;
 * - `destroy()` destroys it with an error; what its peer makes of that is its own affair. A `tls.TLSSocket` sends a FIN
 *   without close_notify, which a peer that does not look takes for an end.
 *
 * @param duplex of bytes, which nobody has read from; from now on nobody else may use it
 * @throws TlsUsageError for one that is destroyed, is of objects or strings, or is being read by somebody else
 */
export function fromDuplex(duplex: Duplex, options: FromDuplexOptions = {}): ByteStream {
  check(duplex);
  // A TLSSocket is a socket too, but neither its writing nor its end are the kernel's.
  if (!(duplex instanceof Socket) || 'encrypted' in duplex)
    return new DuplexStream(duplex, handling, options.drain);
  duplex.allowHalfOpen = true;
  return new TcpStream(duplex, options);
}

function check(duplex: Duplex): void {
  const refuse = (what: string): never => {
    throw new TlsUsageError(`fromDuplex: expected a duplex of bytes that nobody reads, got one that ${what}`);
  };
  if (duplex.readableObjectMode || duplex.writableObjectMode) refuse('is in object mode');
  if (duplex.destroyed) refuse('is destroyed');
  if (duplex.readableEncoding !== null) refuse(`gives strings (${duplex.readableEncoding})`);
  if (duplex.readableFlowing === true) refuse('is flowing: its bytes go to somebody else, or are lost');
}

/** In memory, one side's arrays may be the very ones of the other: both get arrays of their own. */
const handling: DuplexHandling<Duplex> = {
  keepsWriteErrors: false,
  own: (bytes) => new Uint8Array(bytes),
  // One array is one `_write`, also of a duplex that has no `_writev`.
  pack: (parts) => [concatBytes(...parts)],
  // Without an error, many a duplex would say a polite end.
  drop: (duplex, reason) => void duplex.destroy(reason),
};
