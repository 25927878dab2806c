import { TlsUsageError } from '../base/errors.ts';
import { refusedOfConnections, refuseOptions } from './secure-context.ts';
import { requireSniCallback } from './sni.ts';

/** What the types of Node's own options leave out. */
export interface SocketMarks {
  readonly isServer?: boolean;
  readonly allowHalfOpen?: boolean;
  readonly highWaterMark?: number;
  readonly readableHighWaterMark?: number;
  readonly writableHighWaterMark?: number;
}

/** @throws Error with Node's codes, or TlsUsageError naming what Tacit does not do on purpose */
export function checkSocketOptions(options: object): void {
  const { SNICallback, server } = options as {
    readonly SNICallback?: unknown;
    readonly server?: object | null;
  };
  refuseOptions(options, refusedOfConnections);
  requireSniCallback(SNICallback);
  // One of plain connections says nothing about TLS; what does STARTTLS hands it on.
  if (server && 'setSecureContext' in server)
    throw new TlsUsageError('server: the sockets of a TLS server are made by it; give SNICallback');
}
