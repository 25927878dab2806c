import { TlsTruncatedError } from '../base/errors.ts';
import { isBetweenMessages } from './responses.ts';

/** `strict`: an end without close_notify is an error. `tolerate`: it is an end, wherever it comes, as in `node:tls`. */
export type Truncation = 'strict' | 'tolerate';

let current: Truncation = 'strict';

/** For all sockets of the face. */
export function setTruncation(truncation: Truncation): void {
  current = truncation;
}

/** Whether a failure of reading, behind the handshake, is taken for an end of `socket`. */
export function isToleratedEnd(error: Error, socket: object): boolean {
  return error instanceof TlsTruncatedError && (current === 'tolerate' || isBetweenMessages(socket));
}
