/** What every call on a stream takes. */
export interface CallOptions {
  /** Already aborted: the call has no effect. An aborted read loses nothing; an aborted write breaks the write half. */
  readonly signal?: AbortSignal | undefined;
}

/** How the peer's side ended while `close()` drained it. */
export interface CloseReport {
  /**
   * - `close_notify`: the peer said that it sends nothing more, and its transport ended. Not a receipt: it does not
   *   say that the peer's application has read anything.
   * - `fin`: the transport ended without a close_notify.
   * - `reset`: the transport was reset after the peer's end, or by our own `destroy()`.
   * - `timeout`: the peer's end did not come within the bound; all that was written had been handed over by then.
   */
  readonly ended: 'close_notify' | 'fin' | 'reset' | 'timeout';
  /** Bytes that the transport brought after `close()` was called, and that were thrown away. */
  readonly discardedBytes: number;
}

/** Who is at the other end. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * A reliable stream of bytes in both directions: TCP, a pipe, TLS on top of either. Any object of this shape will do.
 *
 * Every call takes `{ signal }`, see {@link CallOptions}.
 */
export interface ByteStream {
  /** Who is at the other end, where the stream knows: a Unix socket's peer has no address. */
  readonly remoteAddress?: PeerAddress | undefined;

  /**
   * The next bytes, at least one; null at the end, and ever after. The array belongs to the caller and its
   * ArrayBuffer holds nothing else. A second read while one is waiting rejects with `BusyError`.
   */
  read(options?: CallOptions): Promise<Uint8Array | null>;

  /**
   * Writes all bytes, in call order, and resolves when the layer below has taken them. They must not change before
   * that.
   */
  write(data: Uint8Array | readonly Uint8Array[], options?: CallOptions): Promise<void>;

  /** Ends our direction behind everything written; reading goes on. Again: no effect. */
  closeWrite(options?: CallOptions): Promise<void>;

  /**
   * Ends our direction, then discards what the peer sends until its end, so that nothing that we wrote is lost to a
   * reset. Aborted while it waits, it destroys. Again: the same promise.
   */
  close(options?: CallOptions): Promise<CloseReport>;

  /** Drops the connection at once, in a way that the peer cannot take for an end of what we wrote. Never throws. */
  destroy(): void;

  /** Reads to the end. Leaving the loop early does not close the stream. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array>;

  /** `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}
