/**
 * A server's store of sessions, for tickets that are only names. Both functions may take time: a write never waits
 * for a ticket, a handshake waits for `get`. `state` holds secrets and is sealed by nobody: the store must be private.
 */
export interface ServerSessionStore {
  readonly kind: 'store';
  /** Keeps `state` under `id` (32 random bytes) for `lifetime` seconds. */
  put(id: Uint8Array, state: Uint8Array, lifetime: number): void | PromiseLike<void>;
  /**
   * The state under `id`, or undefined. May take it out, so that each ticket is used once; but those of TLS 1.2 cross the
   * network in clear, so that whoever has seen one can have it taken out. Where it throws or rejects, the client gets a
   * full handshake.
   */
  get(id: Uint8Array): Uint8Array | undefined | PromiseLike<Uint8Array | undefined>;
}
