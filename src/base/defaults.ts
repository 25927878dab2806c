/** Every default in one place, each with its reason. */

/** From accept or connect to a finished handshake, milliseconds: long enough for a human's bad network, short for an attacker. */
export const handshakeTimeout: number = 10_000;

/** How long a connection attempt is alone before one to the next address begins beside it, milliseconds (RFC 8305 §8). */
export const connectionAttemptDelay: number = 250;

/** How long `close` waits for the peer's end, milliseconds. */
export const drainTimeout: number = 30_000;

/** After a fatal alert of ours, milliseconds: enough for the peer to read it. */
export const alertDrainTimeout: number = 5_000;

/** What `close` reads and discards before it pauses and holds, bytes: a client may be sent a large answer that it does not want. */
export const clientDrainBytes: number = 16 * 2 ** 20;

/** The same for a server, where many strangers may do it at once. */
export const serverDrainBytes: number = 2 ** 20;

/** Plaintext that a stream reads ahead of its application, bytes. */
export const readAhead: number = 65_536;

/** Connections that drain at once per listener; the oldest is dropped first. */
export const maxDraining: number = 256;

/** Handshakes in flight at once per listener; the oldest is dropped first. More than honest clients begin within one timeout, and tens of megabytes at most. */
export const maxHandshakes: number = 4_096;

/** After the handshake, milliseconds: off, since how long a peer may be silent only its protocol knows. */
export const idleTimeout: number = Number.POSITIVE_INFINITY;

/** Tickets owed after a full handshake: two parallel connections can resume, as OpenSSL and Go do it. */
export const ticketCount: number = 2;

/** Tickets owed after a resumed handshake: the used one is replaced. */
export const resumedTicketCount: number = 1;

/** Seconds that a ticket lives: a day, within which ticket keys rotate. */
export const ticketLifetime: number = 86_400;

/** Sessions that a client keeps per server. */
export const clientSessionsPerServer: number = 8;

/** Servers that a client keeps sessions of. */
export const clientSessionServers: number = 256;

/** How old an OCSP response that does not say when the next one comes may be, milliseconds (RFC 6960 §4.2.2.1: newer ones are always there). */
export const ocspMaxAge: number = 86_400_000;

/** How far ahead of our clock an OCSP response may have been made, milliseconds: they are minutes old, and clocks differ. */
export const ocspClockSkew: number = 300_000;
