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
    const response = requestOf(socket)?.res;
    if (response?.complete !== false) return;
    // Or Node's parser, which is told of the end afterwards, would say that it is.
    Object.defineProperty(response, 'complete', { configurable: true, get: () => false, set: () => {} });
    response.destroy(error);
  });
}

/** Whether a client's socket owes no part of a response: its end, whatever it looks like, has cut nothing off. */
export function isBetweenResponses(socket: object): boolean {
  const request = requestOf(socket);
  return request !== undefined && request !== null && 'res' in request && request.res?.complete !== false;
}

/** What Node keeps of the message that a socket is busy with; on a server it is the response, which has no `res`. */
function requestOf(socket: object): { readonly res?: IncomingMessage | null } | null | undefined {
  return (socket as { readonly _httpMessage?: ClientRequest & { readonly res?: IncomingMessage | null } })
    ._httpMessage;
}
