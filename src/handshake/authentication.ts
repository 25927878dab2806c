import { concatBytes, copyBytes, noBytes, utf8, wipe } from '../base/bytes.ts';
import { peerError, TlsUsageError } from '../base/errors.ts';
import type { CryptoProvider, PublicKey, SignatureScheme } from '../crypto/provider.ts';
import type { CipherSuite } from '../keys/cipher-suites.ts';
import { finishedVerifyData } from '../keys/key-schedule.ts';
import type { Transcript } from '../keys/transcript.ts';
import { subjectPublicKeyInfo } from '../pki/certificate.ts';
import { keyOf } from '../pki/keys.ts';
import { rememberedCertificate } from '../pki/remembered.ts';
import { extensionTypes } from '../wire/extension-types.ts';
import type { RawMessage } from '../wire/message.ts';
import {
  decodeCertificate,
  decodeCertificateVerify,
  decodeFinished,
  encodeCertificate,
  encodeCertificateVerify,
  encodeFinished,
} from '../wire/messages.ts';
import { type CertificateType, nameOf, signatureSchemeCodes } from '../wire/names.ts';
import type { EndpointConfig } from './config.ts';
import type { Identity, PeerChain, TrustPolicy } from './identity.ts';
import { ask, type Flight, type Handshake, receive } from './steps.ts';

/** Who signs: the context string of CertificateVerify names the side (RFC 9846 §4.5.2). */
export type Side = 'client' | 'server';

/** What both sides carry through a handshake. */
export interface HandshakeState {
  readonly config: EndpointConfig;
  readonly flight: Flight;
  readonly transcript: Transcript;
  readonly suite: CipherSuite;
}

/** A peer that proved to have the key of a trusted chain. */
export interface AuthenticatedPeer {
  /** Empty for one that was known by its raw public key. */
  readonly chain: readonly Uint8Array[];
  readonly rawPublicKey: Uint8Array | undefined;
  readonly signatureScheme: SignatureScheme;
  /** When the path expires, in milliseconds since 1970. */
  readonly validUntil: number;
}

/** Puts a message into the transcript and sends it. */
export function sendMessage(state: Pick<HandshakeState, 'flight' | 'transcript'>, message: Uint8Array): void {
  state.transcript.add(message);
  state.flight.send(message);
}

/**
 * The Certificate message of an identity.
 * @param status_request the OCSP response that goes with its leaf
 * @throws TlsUsageError where its chain is empty: that would say "no identity"
 */
export function certificateOf(identity: Identity, status_request?: Uint8Array): Uint8Array {
  const entries = chainOf(identity).map((certificate, place) => ({
    certificate,
    extensions: place === 0 ? { status_request } : {},
  }));
  return encodeCertificate({ context: noBytes, entries });
}

/** @throws TlsUsageError where it is empty: to show that would say "no identity" */
export function chainOf({ chain }: Identity): readonly Uint8Array[] {
  if (chain.length === 0) throw new TlsUsageError('the chain of an identity is empty');
  return chain;
}

/** A signature with the key of an identity. */
export function* signWith(
  { signer }: Identity,
  scheme: SignatureScheme,
  content: Uint8Array,
): Handshake<Uint8Array> {
  return yield* ask({ kind: 'signature', scheme, content }, (context) =>
    signer.sign(scheme, content, context),
  );
}

/** Sends CertificateVerify for a Certificate that is already in the transcript. @param content what is signed */
export function* sendCertificateVerify(
  state: Pick<HandshakeState, 'flight' | 'transcript'>,
  identity: Identity,
  scheme: SignatureScheme,
  content: Uint8Array,
): Handshake<void> {
  const signature = yield* signWith(identity, scheme, content);
  sendMessage(state, encodeCertificateVerify({ algorithm: signatureSchemeCodes[scheme], signature }));
}

/** Sends the Finished of the side whose handshake traffic secret this is. */
export function sendFinished(state: HandshakeState, trafficSecret: Uint8Array): void {
  const { config, suite, transcript } = state;
  sendMessage(
    state,
    encodeFinished(finishedVerifyData(config.provider, suite.hash, trafficSecret, transcript.digest())),
  );
}

/** Waits for the peer's Finished and checks it (RFC 9846 §4.5.3). */
export function* receiveFinished(state: HandshakeState, trafficSecret: Uint8Array): Handshake<void> {
  const { config, suite, transcript } = state;
  const expected = finishedVerifyData(config.provider, suite.hash, trafficSecret, transcript.digest());
  const message = yield* receive('finished');
  if (!config.provider.timingSafeEqual(expected, decodeFinished(message.body, suite.hashLength))) {
    throw peerError('decrypt_error', 'Finished does not verify: the handshake was altered on the way');
  }
  wipe(expected);
  transcript.add(message.bytes);
}

/** A chain as it was presented, and the OCSP responses that came with it: copies, which outlive the message. */
export interface PresentedChain {
  readonly certificateType: CertificateType;
  readonly chain: readonly Uint8Array[];
  readonly ocspResponses: readonly (Uint8Array | undefined)[];
}

/**
 * A peer's Certificate, parsed: no context in a main handshake, no extension that was not asked for (RFC 9846 §4.5.1).
 * @param trust says what was asked for
 */
export function readCertificate(
  message: RawMessage,
  trust: TrustPolicy,
  certificateType: CertificateType,
): PresentedChain {
  const certificate = decodeCertificate(message.body);
  if (certificateType === 'RawPublicKey' && certificate.entries.length > 1)
    throw peerError('illegal_parameter', 'Certificate has several raw public keys');
  if (certificate.context.length > 0) {
    throw peerError('illegal_parameter', 'Certificate has a certificate_request_context that was not given');
  }
  for (const { extensions } of certificate.entries) {
    const { others = [], status_request } = extensions;
    const [unsolicited] = others.map(({ code }) => code);
    const code =
      status_request && !trust.requestsOcspResponses ? extensionTypes.status_request.code : unsolicited;
    if (code !== undefined) {
      throw peerError('unsupported_extension', `Certificate has extension ${code}, which was not asked for`);
    }
  }
  return {
    certificateType,
    chain: certificate.entries.map((entry) => copyBytes(entry.certificate)),
    ocspResponses: certificate.entries.map(
      ({ extensions: { status_request } }) => status_request && copyBytes(status_request),
    ),
  };
}

/** A chain that is trusted, and what its leaf verifies with. */
export interface TrustedPeer {
  readonly key: PublicKey;
  /** When the path expires, in milliseconds since 1970. */
  readonly validUntil: number;
}

/** Judges a chain that is not empty. This comes first: nothing that an untrusted peer signs is of interest. */
export function* judgePeer(
  config: EndpointConfig,
  side: Side,
  presented: PresentedChain,
  trust: TrustPolicy,
  host: string | undefined,
): Handshake<TrustedPeer> {
  const key = publicKeyOf(config.provider, presented);
  const peer: PeerChain = { ...presented, purpose: side, host, now: config.now() };
  const verdict = yield* ask({ kind: 'trust', peer }, (context) => trust.verify(peer, context));
  if (!verdict.trusted) throw verdict.error;
  return { key, validUntil: verdict.validUntil };
}

/** A signature of a peer's, in the message that is named. */
export interface PeerSignature {
  readonly message: string;
  readonly algorithm: number;
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
}

/** The scheme of a signature that verifies. @param accepted what was offered to the peer */
export function checkSignature(
  { message, algorithm, content, signature }: PeerSignature,
  accepted: readonly SignatureScheme[],
  key: Pick<PublicKey, 'schemes' | 'verify'>,
): SignatureScheme {
  const scheme = accepted.find((offered) => signatureSchemeCodes[offered] === algorithm);
  if (!scheme) {
    throw peerError(
      'illegal_parameter',
      `${message} is signed with ${schemeName(algorithm)}, which was not offered`,
    );
  }
  if (!key.schemes.includes(scheme)) {
    throw peerError(
      'illegal_parameter',
      `${message} is signed with ${scheme}, which does not fit the certificate's key`,
    );
  }
  if (!key.verify(scheme, content, signature)) {
    throw peerError(
      'decrypt_error',
      `${message} does not verify: the peer does not have the key of its certificate`,
    );
  }
  return scheme;
}

/** Judges a chain that is not empty, waits for the CertificateVerify to it and checks that. */
export function* authenticatePeer(
  state: HandshakeState,
  side: Side,
  presented: PresentedChain,
  trust: TrustPolicy,
  host: string | undefined,
): Handshake<AuthenticatedPeer> {
  const { config, transcript } = state;
  const { chain } = presented;
  const { key, validUntil } = yield* judgePeer(config, side, presented, trust, host);
  const content = certificateVerifyContent(side, transcript.digest());
  const message = yield* receive('certificate_verify');
  const { algorithm, signature } = decodeCertificateVerify(message.body);
  const signed: PeerSignature = { message: 'CertificateVerify', algorithm, content, signature };
  const scheme = checkSignature(signed, config.signatureSchemes.filter(isTls13Scheme), key);
  transcript.add(message.bytes);
  return {
    ...(presented.certificateType === 'RawPublicKey'
      ? { chain: [], rawPublicKey: chain[0] }
      : { chain, rawPublicKey: undefined }),
    signatureScheme: scheme,
    validUntil,
  };
}

/** The first scheme of ours that the peer accepts and the identity's key can sign with. @param accepted code points */
export function chooseSignatureScheme(
  identity: Identity,
  accepted: readonly number[],
): SignatureScheme | undefined {
  return identity.signer.schemes.find((scheme) => accepted.includes(signatureSchemeCodes[scheme]));
}

/** PKCS#1 v1.5 signs certificates in TLS 1.3, and never a handshake (RFC 9846 §4.3.3). */
export function isTls13Scheme(scheme: SignatureScheme): boolean {
  return !scheme.startsWith('rsa_pkcs1_');
}

/** What a peer of TLS 1.3 accepts in a handshake, of all that it lists. */
export function tls13Schemes(listed: readonly number[]): readonly number[] {
  return listed.filter((code) => !pkcs1Codes.has(code));
}

const pkcs1Codes: ReadonlySet<number> = new Set(
  Object.entries(signatureSchemeCodes).flatMap(([name, code]) =>
    isTls13Scheme(name as SignatureScheme) ? [] : [code],
  ),
);

/** What is signed in CertificateVerify (RFC 9846 §4.5.2). */
export function certificateVerifyContent(side: Side, transcriptHash: Uint8Array): Uint8Array {
  const context = utf8(`TLS 1.3, ${side} CertificateVerify`);
  return concatBytes(new Uint8Array(64).fill(0x20), context, Uint8Array.of(0), transcriptHash);
}

/** The names of a registry as code points, in order. */
export function codes<Name extends string>(
  registry: Readonly<Record<Name, number>>,
  names: readonly Name[],
): readonly number[] {
  return names.map((name) => registry[name]);
}

function publicKeyOf(provider: CryptoProvider, { chain, certificateType }: PresentedChain): PublicKey {
  const [leaf] = chain;
  if (!leaf) throw new TlsUsageError('an empty chain has no key');
  const isRaw = certificateType === 'RawPublicKey';
  const known = isRaw ? undefined : rememberedCertificate(leaf, provider);
  if (known !== undefined) return keyOf(known, 0, provider);
  const key = provider.importPublicKey(isRaw ? leaf : subjectPublicKeyInfo(leaf));
  if (!key)
    throw peerError(
      'unsupported_certificate',
      "the certificate's public key is of a kind that is not supported",
    );
  return key;
}

function schemeName(code: number): string {
  return nameOf(signatureSchemeCodes, code) ?? `signature scheme 0x${code.toString(16).padStart(4, '0')}`;
}
