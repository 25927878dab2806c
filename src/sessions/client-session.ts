import { wipe } from '../base/bytes.ts';
import { clientSessionServers, clientSessionsPerServer } from '../base/defaults.ts';
import { maxClientSessionSize, maxTicketLifetime } from '../base/limits.ts';
import type { Tls12CipherSuiteName, Tls13CipherSuiteName } from '../wire/names.ts';

/** A session that a client can resume. Plain data; `psk` or `masterSecret` is a secret. */
export type ClientSession = Tls13ClientSession | Tls12ClientSession;

interface CommonSession {
  /** Host, port, server name, trust policy and own identity that it was made with: resumed only under the same. */
  readonly scope: string;
  /** Milliseconds since 1970: the end of the ticket's lifetime or of the server's certificate path, what comes first. */
  readonly expiresAt: number;
  /** When the server last signed a handshake with its certificate, in milliseconds since 1970. */
  readonly authenticatedAt: number;
  /** When the server's certificate path expires, in milliseconds since 1970. */
  readonly validUntil: number;
  /** The server's chain as verified then; DER, leaf first. */
  readonly peerCertificates: readonly Uint8Array[];
  /** DER SubjectPublicKeyInfo of a server that was known by that alone (RFC 7250). */
  readonly peerRawPublicKey?: Uint8Array | undefined;
}

/** A ticket of TLS 1.3, which is used once (RFC 9846 §2.2). */
export interface Tls13ClientSession extends CommonSession {
  readonly protocolVersion: 'TLSv1.3';
  readonly cipherSuite: Tls13CipherSuiteName;
  readonly psk: Uint8Array;
  /** The NewSessionTicket's ticket, as it goes back to the server. */
  readonly ticket: Uint8Array;
  readonly ticketAgeAdd: number;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
}

/**
 * A session of TLS 1.2, known to the server by a ticket (RFC 5077) or by its ID (RFC 5246 §7.4.1.2). It always has an
 * extended master secret: others are not resumed (RFC 7627 §5.3).
 */
export interface Tls12ClientSession extends CommonSession {
  readonly protocolVersion: 'TLSv1.2';
  readonly cipherSuite: Tls12CipherSuiteName;
  readonly masterSecret: Uint8Array;
  /** Empty where there is none. */
  readonly ticket: Uint8Array;
  /** Empty where there is a ticket. */
  readonly sessionId: Uint8Array;
}

/** The secret of a session, in its very array. */
export function secretOf(session: ClientSession): Uint8Array {
  return session.protocolVersion === 'TLSv1.3' ? session.psk : session.masterSecret;
}

/**
 * When a session ends that a server gives `lifetime` seconds: seven days at most (RFC 9846 §4.7.1), and renewals do not
 * stretch what the server once signed.
 */
export function sessionExpiry(
  now: number,
  lifetime: number,
  { authenticatedAt, validUntil }: Pick<CommonSession, 'authenticatedAt' | 'validUntil'>,
): number {
  const longest = maxTicketLifetime * 1000;
  return Math.min(now + lifetime * 1000, now + longest, authenticatedAt + longest, validUntil);
}

/** Where a client keeps its sessions, by their scope. */
export interface ClientSessionCache {
  put(session: ClientSession): void;
  /**
   * Takes out the newest session of `scope`; undefined where there is none. A session is used once: its secret is wiped
   * then, in the very array that is given here, and a session with a wiped secret is not offered. One of TLS 1.2 that the
   * server has resumed comes back by `put`.
   */
  take(scope: string): ClientSession | undefined;
}

/** Sessions in memory: 8 per scope and 256 scopes by default, the oldest dropped first. */
export class MemorySessionCache implements ClientSessionCache {
  readonly #perScope: number;
  readonly #scopes: number;
  /** In the order of last use; the sessions of a scope oldest first. */
  readonly #sessions = new Map<string, ClientSession[]>();

  constructor(perScope: number = clientSessionsPerServer, scopes: number = clientSessionServers) {
    this.#perScope = perScope;
    this.#scopes = scopes;
  }

  put(session: ClientSession): void {
    if (sessionSize(session) > maxClientSessionSize) return;
    const kept = this.#sessions.get(session.scope) ?? [];
    kept.push(session);
    while (kept.length > this.#perScope) wipeOldest(kept);
    this.#sessions.delete(session.scope);
    this.#sessions.set(session.scope, kept);
    for (const [scope, dropped] of this.#sessions) {
      if (this.#sessions.size <= this.#scopes) break;
      for (const session of dropped) wipe(secretOf(session));
      this.#sessions.delete(scope);
    }
  }

  take(scope: string): ClientSession | undefined {
    const kept = this.#sessions.get(scope);
    const session = kept?.pop();
    if (kept?.length === 0) this.#sessions.delete(scope);
    return session;
  }
}

function wipeOldest(kept: ClientSession[]): void {
  const oldest = kept.shift();
  if (oldest) wipe(secretOf(oldest));
}

function sessionSize(session: ClientSession): number {
  return session.peerCertificates.reduce(
    (size, certificate) => size + certificate.length,
    session.ticket.length,
  );
}
