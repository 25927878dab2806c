import { copyBytes, noBytes } from '../base/bytes.ts';
import { TlsPeerError } from '../base/errors.ts';
import { type CipherSuiteName, cipherSuiteCodes, nameOf } from '../wire/names.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';

/** What a server must know again when a session comes back. Goes into a sealed ticket or a store. */
export interface SessionState {
  readonly cipherSuite: CipherSuiteName;
  /** Secret: the PSK of a ticket, in TLS 1.2 the extended master secret. */
  readonly psk: Uint8Array;
  /** When the client last proved its key (or the anonymous handshake ran), in milliseconds since 1970. */
  readonly authenticatedAt: number;
  /** When the client's certificate path expires, in milliseconds since 1970; Infinity for anonymous clients. */
  readonly validUntil: number;
  /** A hash over all policy that the session was made under: it must be the same when it is resumed. */
  readonly policy: Uint8Array;
  /** The verified chain of the client, DER, leaf first; empty for anonymous clients. */
  readonly clientCertificates: readonly Uint8Array[];
  /** DER SubjectPublicKeyInfo of a client that was known by that alone. */
  readonly clientRawPublicKey: Uint8Array | undefined;
}

/** Tickets that a rolled-back or newer release sealed are not understood, and not resumed. */
const formatVersion = 2;

export function encodeSessionState(state: SessionState): Uint8Array {
  const writer = new Writer();
  writer.uint8(formatVersion).uint16(cipherSuiteCodes[state.cipherSuite]).vector(1, state.psk);
  writeTime(writer, state.authenticatedAt);
  writeTime(writer, Math.min(state.validUntil, Number.MAX_SAFE_INTEGER));
  writer.vector(1, state.policy).vector(3, () => {
    for (const certificate of state.clientCertificates) writer.vector(3, certificate);
  });
  writer.vector(2, state.clientRawPublicKey ?? noBytes);
  return writer.finish();
}

/** Undefined where `bytes` are not a state of this format. */
export function decodeSessionState(bytes: Uint8Array): SessionState | undefined {
  try {
    const reader = new Reader(bytes, 'session state');
    if (reader.uint8() !== formatVersion) return undefined;
    const cipherSuite = nameOf(cipherSuiteCodes, reader.uint16());
    if (!cipherSuite) return undefined;
    const psk = copyBytes(reader.vector(1, 32));
    const authenticatedAt = readTime(reader);
    const validUntil = readTime(reader);
    const policy = copyBytes(reader.vector(1, 32));
    const list = reader.list(3, 0);
    const rawPublicKey = copyBytes(reader.vector(2, 0));
    reader.end();
    const clientCertificates: Uint8Array[] = [];
    while (list.remaining > 0) clientCertificates.push(copyBytes(list.vector(3, 1)));
    return {
      cipherSuite,
      psk,
      authenticatedAt,
      validUntil: validUntil === Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : validUntil,
      policy,
      clientCertificates,
      clientRawPublicKey: rawPublicKey.length > 0 ? rawPublicKey : undefined,
    };
  } catch (error) {
    // A store gives back what it likes; only bytes that do not parse are forgiven.
    if (error instanceof TlsPeerError) return undefined;
    throw error;
  }
}

function writeTime(writer: Writer, milliseconds: number): void {
  const whole = Math.floor(milliseconds);
  writer.uint24(Math.floor(whole / 2 ** 32)).uint32(whole % 2 ** 32);
}

function readTime(reader: Reader): number {
  return reader.uint24() * 2 ** 32 + reader.uint32();
}
