import { type EventEmitter, errorMonitor } from 'node:events';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from './tls-socket.ts';

/**
 * A body that ends with the connection is whole only where the connection ended well. Node ends it whatever happened, and
 * gives the error to the request; here the response fails first, whoever's agent the connection is.
 */
export function failResponses(socket: TLSSocket): void {
  // It hears of errors, and does not count as somebody who handles them.
  (socket as EventEmitter).on(errorMonitor, (error: Error) => {
    const { _httpMessage: message } = socket as HttpSocket;
    const response = message && 'res' in message ? message.res : undefined;
    if (response?.complete !== false) return;
    // Or Node's parser, which is told of the end afterwards, would say that it is.
    Object.defineProperty(response, 'complete', { configurable: true, get: () => false, set: () => {} });
    response.destroy(error);
  });
}

/** Whether the end of a socket, whatever it looks like, has cut nothing off: HTTP/1 waits for no more of a message on it. */
export function isBetweenMessages(socket: object): boolean {
  const { parser, _httpMessage: message } = socket as HttpSocket;
  if (message) return 'res' in message && message.res?.complete !== false;
  // A request that is not complete yet is for Node's parser to complain of, when it is told of the end.
  return isServing(parser);
}

/** Whether a server has written all of the last response on a socket, and has none to write that was asked for. */
export function owesNoResponse(socket: object): boolean {
  const { parser, _httpMessage: message } = socket as HttpSocket;
  return isServing(parser) && (!message || (!('res' in message) && message.writableEnded));
}

/** It has its parser as long as HTTP/1 is what a server speaks; a client has it only with a message. */
function isServing(parser: Parser | null | undefined): parser is Parser {
  return Boolean(parser) && parser?.incoming?.upgrade !== true;
}

interface Parser {
  /** The message that is being received. */
  readonly incoming?: (IncomingMessage & { readonly upgrade?: boolean | null }) | null;
}

/** What Node keeps of HTTP/1 on a socket. */
interface HttpSocket {
  readonly parser?: Parser | null;
  /** What it is busy with: a client's request, or a server's response, which has no `res`. */
  readonly _httpMessage?: (ClientRequest & { readonly res?: IncomingMessage | null }) | ServerResponse | null;
}
