import type { SignatureScheme } from '../crypto/provider.ts';
import type { CipherSuite } from '../keys/cipher-suites.ts';
import type { Tls12CipherSuite } from '../keys/tls12-cipher-suites.ts';
import type { Tls12WriteKeys } from '../keys/tls12-key-schedule.ts';
import type { RawMessage } from '../wire/message.ts';
import { type HandshakeType, handshakeTypes } from '../wire/names.ts';
import type { CertificateRequestInfo, ClientHelloInfo } from './config.ts';
import type {
  Identity,
  MaybePromise,
  PeerChain,
  QuestionContext,
  ServerIdentity,
  TrustVerdict,
} from './identity.ts';

/**
 * A handshake reads from top to bottom like the RFC's message diagram. It sends by plain calls on its `Flight` and
 * waits with `yield*` on the helpers of this file, the only one with a bare `yield`: their results are typed, and a
 * forgotten star does not compile.
 */
export type Handshake<Result> = Generator<Step, Result, unknown>;

/** What a handshake waits for. */
export type Step = MessageStep | ChangeCipherSpecStep | QuestionStep;

/** The next message, which must be of one of these types. */
export interface MessageStep {
  readonly kind: 'message';
  readonly expected: readonly number[];
}

/** The change_cipher_spec of TLS 1.2: what follows it is under new keys (RFC 5246 §7.1). */
export interface ChangeCipherSpecStep {
  readonly kind: 'changeCipherSpec';
}

/** A question to the configuration. `call` puts it; its outcome may be a promise. */
export interface QuestionStep {
  readonly kind: 'question';
  readonly subject: QuestionSubject;
  readonly call: (context: QuestionContext) => MaybePromise<unknown>;
}

/** What a question is about. */
export type QuestionSubject =
  | { readonly kind: 'serverIdentity'; readonly hello: ClientHelloInfo }
  | { readonly kind: 'clientIdentity'; readonly request: CertificateRequestInfo }
  | { readonly kind: 'signature'; readonly scheme: SignatureScheme; readonly content: Uint8Array }
  | { readonly kind: 'ocspResponse'; readonly certificate: Uint8Array }
  | { readonly kind: 'session'; readonly id: Uint8Array }
  | { readonly kind: 'trust'; readonly peer: PeerChain };

interface QuestionAnswers {
  readonly serverIdentity: ServerIdentity | undefined;
  readonly clientIdentity: Identity | undefined;
  readonly signature: Uint8Array;
  readonly ocspResponse: Uint8Array | undefined;
  readonly session: Uint8Array | undefined;
  readonly trust: TrustVerdict;
}

/** The answer to a question of this kind. */
export type AnswerTo<Kind extends QuestionSubject['kind']> = QuestionAnswers[Kind];

/** What a handshake does to its connection; nothing of it waits. */
export interface Flight {
  /** Queues a whole handshake message under the current write keys. */
  send(message: Uint8Array): void;
  /** In TLS 1.3 for middleboxes alone (RFC 9846 Appendix E.4). */
  sendChangeCipherSpec(): void;
  installWriteKeys(suite: CipherSuite, trafficSecret: Uint8Array): void;
  /** @throws TlsPeerError (unexpected_message) where the last message does not end its record (RFC 9846 §5.1) */
  installReadKeys(suite: CipherSuite, trafficSecret: Uint8Array): void;
  /**
   * The peer's flight ends here, and ours follows.
   * @throws TlsPeerError (unexpected_message) where the last message does not end its record (RFC 9846 §5.1)
   */
  endReceivedFlight(): void;
  /** TLS 1.2 was negotiated: change_cipher_spec and the levels of alerts mean something from here on. */
  beginTls12(): void;
  /** Under these keys follows what the peer reads behind our change_cipher_spec. */
  installTls12WriteKeys(suite: Tls12CipherSuite, keys: Tls12WriteKeys): void;
  installTls12ReadKeys(suite: Tls12CipherSuite, keys: Tls12WriteKeys): void;
  /** The most content that the peer takes in a record: its record_size_limit without TLS 1.3's type byte (RFC 8449). */
  limitSentRecords(contentLength: number): void;
  /** Our record_size_limit, which the peer has seen. */
  limitReceivedRecords(innerLength: number): void;
  /** 0-RTT data will come that was not accepted (RFC 9846 §4.3.10). */
  skipEarlyData(how: 'undecryptable' | 'application_data'): void;
  keyLog(label: string, clientRandom: Uint8Array, secret: Uint8Array): void;
}

/** Waits for the next handshake message; another type than these is an unexpected_message. */
export function* receive(...types: readonly HandshakeType[]): Handshake<RawMessage> {
  return (yield { kind: 'message', expected: types.map((type) => handshakeTypes[type]) }) as RawMessage;
}

/** Waits for a change_cipher_spec; any message before it is an unexpected_message. */
export function* receiveChangeCipherSpec(): Handshake<void> {
  yield { kind: 'changeCipherSpec' };
}

/** Puts a question; waits only if the answer is a promise. */
export function* ask<Kind extends QuestionSubject['kind']>(
  subject: QuestionSubject & { readonly kind: Kind },
  call: (context: QuestionContext) => MaybePromise<AnswerTo<Kind>>,
): Handshake<AnswerTo<Kind>> {
  return (yield { kind: 'question', subject, call }) as AnswerTo<Kind>;
}
