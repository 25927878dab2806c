import type { Socket } from 'node:net';
import type { PeerAddress } from '../streams/byte-stream.ts';
import type { DrainOptions } from '../streams/drain.ts';
import { owned } from '../streams/inbox.ts';
import { type DuplexHandling, DuplexStream, peerAddress } from './duplex-stream.ts';

/**
 * A TCP or Unix socket as a `ByteStream`. Its halves are independent: a failed write leaves everything that was
 * received readable, what lies in the kernel included (Node's own socket throws it away).
 *
 * The end of a TCP stream proves little: the streams of a process that dies end too, and Node 20 and 22 report some
 * resets as an end.
 */
export class TcpStream extends DuplexStream {
  readonly localAddress: PeerAddress | undefined;

  /** @param socket connected, never read from, made with `allowHalfOpen`; from now on nobody else may use it */
  constructor(socket: Socket, options: { readonly drain?: DrainOptions | undefined } = {}) {
    super(socket, handling, options.drain);
    this.localAddress = peerAddress(socket.localAddress, socket.localPort);
    // Nagle would hold a small last record back until the one before it is acknowledged; what belongs together is
    // one write here already. The kernel's buffers are left alone: Node cannot set them, and a fixed size would
    // switch off the tuning by which Linux follows the path (tcp(7), tcp_moderate_rcvbuf).
    socket.setNoDelay(true);
  }
}

/** A kernel is between the two programs: what is read belongs to nobody else, and what was taken was copied. */
const handling: DuplexHandling<Socket> = {
  keepsWriteErrors: true,
  own: owned,
  pack: (parts, isAbortable) => (isAbortable ? parts.map((part) => new Uint8Array(part)) : parts),
  drop: reset,
};

/** Gives a socket up in a way that its peer cannot take for an end. */
export function reset(socket: Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    // A Unix socket cannot be reset.
    socket.destroy();
  }
}
