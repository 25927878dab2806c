import type { ClientSettings } from '../connection/config.ts';
import type { HandshakeInfo } from '../connection/events.ts';

type ClientSessionCache = Exclude<NonNullable<ClientSettings['sessions']>, false>;
type ClientSession = Parameters<ClientSessionCache['put']>[0];

/** What is bytes in a session, which JSON has not. */
const byteFields: readonly string[] = ['psk', 'ticket', 'masterSecret', 'sessionId', 'peerRawPublicKey'];

/** What a socket has for `getSession()` and `getTLSTicket()`. */
export interface KeptSession {
  readonly session: Buffer;
  readonly ticket: Uint8Array;
}

/** The session that was offered, where it is one that was resumed. */
export function keptOf(session: Uint8Array | undefined): KeptSession | undefined {
  const ticket = session && decodeSession(session)?.ticket;
  return session && ticket && { session: Buffer.from(session), ticket };
}

/** A session before its ticket has come, in which there is nothing to be resumed: Node gives one at that time, too. */
export function withoutTicket({ protocolVersion, cipherSuite }: HandshakeInfo): Buffer {
  return Buffer.from(JSON.stringify({ protocolVersion, cipherSuite }));
}

/** A session as bytes, for `session`, `getSession()` and 'session'. It holds a secret, as OpenSSL's does. */
export function encodeSession(session: ClientSession): Buffer {
  const { peerCertificates, ...others } = session;
  const text = (value: unknown): unknown =>
    value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
  const fields = Object.entries(others).map(([name, value]) => [name, text(value)]);
  return Buffer.from(
    JSON.stringify({ ...Object.fromEntries(fields), peerCertificates: peerCertificates.map(text) }),
  );
}

/** The session in `bytes`; undefined where they hold none, such as one of OpenSSL's. */
export function decodeSession(bytes: Uint8Array): ClientSession | undefined {
  try {
    const { peerCertificates, ...others } = JSON.parse(Buffer.from(bytes).toString()) as Record<
      string,
      unknown
    >;
    const known = { protocolVersion: others['protocolVersion'], cipherSuite: others['cipherSuite'] };
    if (!Array.isArray(peerCertificates) || !isKnown(known)) return undefined;
    const session: Record<string, unknown> = { ...others, peerCertificates: peerCertificates.map(bytesOf) };
    for (const name of byteFields) if (name in others) session[name] = bytesOf(others[name]);
    return session as unknown as ClientSession;
  } catch {
    return undefined;
  }
}

function isKnown({ protocolVersion, cipherSuite }: Record<string, unknown>): boolean {
  return (
    (protocolVersion === 'TLSv1.3' || protocolVersion === 'TLSv1.2') &&
    typeof cipherSuite === 'string' &&
    cipherSuite.startsWith('TLS_')
  );
}

/** @throws TypeError where it is no text */
function bytesOf(text: unknown): Uint8Array {
  if (typeof text !== 'string') throw new TypeError('expected Base64');
  return new Uint8Array(Buffer.from(text, 'base64'));
}
