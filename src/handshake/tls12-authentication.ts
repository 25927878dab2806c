import { copyBytes, noBytes, wipe } from '../base/bytes.ts';
import { peerError } from '../base/errors.ts';
import { maxRecordContent } from '../base/limits.ts';
import type { NamedGroup, PublicKey, SignatureScheme } from '../crypto/provider.ts';
import { authenticationOf, curveOf, type Tls12CipherSuite } from '../keys/tls12-cipher-suites.ts';
import {
  deriveExtendedMasterSecret,
  deriveMasterSecret,
  type HelloRandoms,
  type Tls12WriteKeys,
  tls12VerifyData,
  tls12VerifyDataLength,
} from '../keys/tls12-key-schedule.ts';
import type { Transcript } from '../keys/transcript.ts';
import type { RawMessage } from '../wire/message.ts';
import { decodeCertificateVerify, decodeFinished, encodeFinished } from '../wire/messages.ts';
import { decodeTls12Certificate, encodeTls12Certificate } from '../wire/tls12-messages.ts';
import { chainOf, checkSignature, type PeerSignature, type Side, sendMessage } from './authentication.ts';
import type { EndpointConfig } from './config.ts';
import type { Identity } from './identity.ts';
import { type Flight, type Handshake, receive, receiveChangeCipherSpec } from './steps.ts';

/** What both sides carry through a handshake of TLS 1.2. */
export interface Tls12State {
  readonly config: EndpointConfig;
  readonly flight: Flight;
  readonly transcript: Transcript;
  readonly suite: Tls12CipherSuite;
  readonly randoms: HelloRandoms;
  /** Whether both sides have the extension (RFC 7627). */
  readonly extendedMasterSecret: boolean;
}

/** The DER certificates of a peer's Certificate, leaf first: copies, which outlive the message. */
export function readTls12Certificate(message: RawMessage): readonly Uint8Array[] {
  return decodeTls12Certificate(message.body).map(copyBytes);
}

/** The Certificate message of an identity. @throws TlsUsageError where its chain is empty */
export function tls12CertificateOf(identity: Identity): Uint8Array {
  return encodeTls12Certificate(chainOf(identity));
}

/** The record_size_limit that we announce: it has no type byte to count (RFC 8449 §4). */
export function tls12RecordSizeLimit({ recordSizeLimit }: EndpointConfig): number {
  return Math.min(recordSizeLimit, maxRecordContent);
}

/** Holds both directions to what the hellos said. @param peerLimit the peer's record_size_limit, if it has the extension */
export function limitTls12Records(
  { config, flight }: Pick<Tls12State, 'config' | 'flight'>,
  peerLimit: number | undefined,
): void {
  if (peerLimit === undefined) return;
  flight.limitSentRecords(peerLimit);
  flight.limitReceivedRecords(tls12RecordSizeLimit(config));
}

/** Waits for the client's CertificateVerify and checks it: it signs all messages before it (RFC 5246 §7.4.8). */
export function* receiveTls12CertificateVerify(
  { config, transcript }: Tls12State,
  key: PublicKey,
): Handshake<SignatureScheme> {
  const message = yield* receive('certificate_verify');
  const signed = decodeCertificateVerify(message.body);
  const scheme = checkTls12Signature(
    { message: 'CertificateVerify', content: transcript.messages(), ...signed },
    config.signatureSchemes,
    key,
  );
  transcript.add(message.bytes);
  return scheme;
}

/**
 * As `checkSignature`, but that the schemes of ECDSA name a hash alone in TLS 1.2, and go with any curve
 * (RFC 9846 §4.3.3).
 * @param curves those that were offered: a key on another is refused (RFC 8422 §5.1)
 */
export function checkTls12Signature(
  signed: PeerSignature,
  accepted: readonly SignatureScheme[],
  key: PublicKey,
  curves?: readonly NamedGroup[],
): SignatureScheme {
  const curve = key.schemes.map(curveOf).find((name) => name !== undefined);
  if (!curve) return checkSignature(signed, accepted, key);
  if (curves && !curves.includes(curve)) {
    const message = `${signed.message} is signed with a key on ${curve}, which was not offered`;
    throw peerError('illegal_parameter', message);
  }
  return checkSignature(signed, accepted, {
    schemes: ecdsaSchemes,
    verify: (scheme, content, signature) =>
      key.verifySigned(`ecdsa_${scheme.slice(-6) as 'sha256' | 'sha384' | 'sha512'}`, content, signature),
  });
}

const ecdsaSchemes: readonly SignatureScheme[] = [
  'ecdsa_secp256r1_sha256',
  'ecdsa_secp384r1_sha384',
  'ecdsa_secp521r1_sha512',
];

/** Those of `schemes` that a server with this kind of cipher suite signs with. */
export function schemesFor(
  authentication: Tls12CipherSuite['authentication'],
  schemes: readonly SignatureScheme[],
): readonly SignatureScheme[] {
  return schemes.filter((scheme) => authenticationOf(scheme) === authentication);
}

/**
 * The master secret of a full handshake whose ClientKeyExchange is in the transcript; the premaster secret is wiped.
 * @throws TlsPeerError where the shared secret is undefined: the peer's public value is invalid
 */
export function masterSecretOf(
  { config, suite, randoms, transcript, extendedMasterSecret }: Tls12State,
  group: NamedGroup,
  premasterSecret: Uint8Array | undefined,
): Uint8Array {
  const { provider } = config;
  if (!premasterSecret) throw peerError('illegal_parameter', `the peer's public value is none of ${group}`);
  const secret = extendedMasterSecret
    ? deriveExtendedMasterSecret(
        provider,
        suite.hash,
        premasterSecret,
        transcript.digestWith(suite.hash, noBytes),
      )
    : deriveMasterSecret(provider, suite.hash, premasterSecret, randoms);
  wipe(premasterSecret);
  return secret;
}

/** Sends change_cipher_spec, and Finished under the new keys. */
export function sendTls12Finished(
  state: Tls12State,
  side: Side,
  masterSecret: Uint8Array,
  keys: Tls12WriteKeys,
): void {
  const { config, flight, suite, transcript } = state;
  flight.sendChangeCipherSpec();
  flight.installTls12WriteKeys(suite, keys);
  const verifyData = tls12VerifyData(config.provider, suite.hash, masterSecret, side, transcript.digest());
  sendMessage(state, encodeFinished(verifyData));
}

/** Waits for change_cipher_spec and the peer's Finished under its new keys, and checks that (RFC 5246 §7.4.9). */
export function* receiveTls12Finished(
  state: Tls12State,
  side: Side,
  masterSecret: Uint8Array,
  keys: Tls12WriteKeys,
): Handshake<void> {
  const { config, flight, suite, transcript } = state;
  yield* receiveChangeCipherSpec();
  flight.installTls12ReadKeys(suite, keys);
  const expected = tls12VerifyData(config.provider, suite.hash, masterSecret, side, transcript.digest());
  const message = yield* receive('finished');
  if (!config.provider.timingSafeEqual(expected, decodeFinished(message.body, tls12VerifyDataLength))) {
    throw peerError('decrypt_error', 'Finished does not verify: the handshake was altered on the way');
  }
  wipe(expected);
  transcript.add(message.bytes);
  flight.endReceivedFlight();
}
