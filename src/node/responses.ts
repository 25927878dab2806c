import { type EventEmitter, errorMonitor } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { TLSSocket } from './tls-socket.ts';

/**
 * A body that ends with the connection is whole only where the connection ended well. Node ends it whatever happened, and
 * gives the error to the request; here the response fails first, whoever's agent the connection is.
 */
export function failResponses(socket: TLSSocket): void {
  // It hears of errors, and does not count as somebody who handles them.
  (socket as EventEmitter).on(errorMonitor, (error: Error) => {
    const { _httpMessage: request } = socket as {
      _httpMessage?: ClientRequest & { res?: IncomingMessage | null };
    };
    const response = request?.res;
    if (response?.complete === false) response.destroy(error);
  });
}
