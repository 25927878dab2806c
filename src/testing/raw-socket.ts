/**
 * One end of a connection as a kernel offers it: calls that never wait, and a notice when they may now do more.
 * `TestStream` makes a `ByteStream` of it.
 */
export interface RawSocket {
  /** Called after every change that can let a call go on. Set by the one who uses the socket. */
  onChange: () => void;

  /** Takes the front of `bytes`, as much as there is room for, and says how much. @throws SystemError */
  write(bytes: Uint8Array): number;

  /**
   * What has come, at most `limit` bytes, in an array of its own; null at the end; undefined while there is nothing,
   * and then a read is waiting: a transport without a buffer has to know that.
   * @throws SystemError
   */
  read(limit?: number): Uint8Array | null | undefined;

  /** No read is waiting any more. */
  cancelRead(): void;

  /** Ends our direction behind everything written. @throws SystemError */
  shutdown(): void;

  /** What a program does that ends or is killed: nobody reads here any more. */
  close(): void;

  /** The same, and the peer gets a reset whatever the state (SO_LINGER with zero). */
  reset(): void;
}

export type SystemErrorCode = 'ECONNRESET' | 'EPIPE' | 'ENOTCONN';

/** An error with the system's code, as Node gives it. */
export interface SystemError extends Error {
  readonly code: SystemErrorCode;
}

const meanings: Readonly<Record<SystemErrorCode, string>> = {
  ECONNRESET: 'the peer reset the connection',
  EPIPE: 'the peer reads no more',
  ENOTCONN: 'the connection is gone',
};

export function systemError(code: SystemErrorCode): SystemError {
  return Object.assign(new Error(`${code}: ${meanings[code]}`), { code });
}
