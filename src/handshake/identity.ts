import type { TlsCertificateError } from '../base/errors.ts';
import type { SignatureScheme } from '../crypto/provider.ts';
import type { CertificateType } from '../wire/names.ts';

/** A value, or the promise of one: what the caller's functions may give where a question may take time. */
export type MaybePromise<T> = T | PromiseLike<T>;

/** What a caller's function is given beside its question. */
export interface QuestionContext {
  /** Fires when the answer is no longer wanted: the transport ended, the stream was destroyed or a deadline passed. */
  readonly signal: AbortSignal;
}

/** A private key of the caller's: in memory, in an HSM, behind a network. */
export interface Signer {
  /** The schemes that the key can sign with, preferred ones first. */
  readonly schemes: readonly SignatureScheme[];
  /**
   * @returns the signature over `content`, as it goes into CertificateVerify (RFC 9846 §4.5.2), or in TLS 1.2 into
   *   ServerKeyExchange (RFC 8422 §5.4)
   */
  sign(scheme: SignatureScheme, content: Uint8Array, context: QuestionContext): MaybePromise<Uint8Array>;
}

/** The latest OCSP response, where there is one. */
export type OcspResponseSource = (context: QuestionContext) => MaybePromise<Uint8Array | undefined>;

/** A certificate chain and the key of its leaf. */
export interface Identity {
  /** X509 by default. */
  readonly certificateType?: CertificateType | undefined;
  /** DER certificates, leaf first; the trust anchor may be left out. Of a RawPublicKey its DER SubjectPublicKeyInfo. */
  readonly chain: readonly Uint8Array[];
  readonly signer: Signer;
  /**
   * The DER OCSP response that goes with the leaf to peers who ask for one (RFC 9846 §4.5.1.1). A function gives the
   * one that is there now, or none; one that fails costs the response, not the connection. What is out of date or about
   * another certificate does not go out.
   */
  readonly ocspResponse?: Uint8Array | OcspResponseSource | undefined;
}

/** Whether a server asks its clients for a certificate. */
export type ClientAuthentication = 'none' | 'request' | 'require';

/** An identity of a server; what it says of clients goes before what the configuration says. */
export interface ServerIdentity extends Identity {
  readonly clientAuthentication?: ClientAuthentication | undefined;
  /** Who may be a client of this identity. */
  readonly clientTrust?: TrustPolicy | undefined;
}

/** The certificate chain that a peer presented, and what it has to be. */
export interface PeerChain {
  /** X509 by default; RawPublicKey only for a policy that takes it. */
  readonly certificateType?: CertificateType | undefined;
  /** DER certificates as they came, leaf first; never empty. Of a RawPublicKey its DER SubjectPublicKeyInfo alone. */
  readonly chain: readonly Uint8Array[];
  /** The DER OCSP responses that came with them, each at the place of its certificate. */
  readonly ocspResponses?: readonly (Uint8Array | undefined)[] | undefined;
  /** What the leaf must allow. */
  readonly purpose: 'server' | 'client';
  /** For a server: the DNS name or IP address that it must be valid for. */
  readonly host: string | undefined;
  /** Milliseconds since 1970, from the configuration's clock. */
  readonly now: number;
}

/** The answer to "is this chain trusted?". */
export type TrustVerdict =
  | {
      readonly trusted: true;
      /** When the first certificate of the path expires, in milliseconds since 1970: no resumption after it. */
      readonly validUntil: number;
    }
  | { readonly trusted: false; readonly error: TlsCertificateError };

/** How chains are judged. */
export interface TrustPolicy {
  /**
   * Equal for two policies only if they judge equally: a session is resumed only under the fingerprint that it
   * was made under. Bytes of any length.
   */
  readonly fingerprint: Uint8Array;
  /** What peers may present, preferred ones first; X509 alone by default (RFC 7250). */
  readonly certificateTypes?: readonly CertificateType[] | undefined;
  /** DER names of the authorities that issue for peers, a hint for clients (RFC 9846 §4.3.4); not by default. */
  readonly certificateAuthorities?: readonly Uint8Array[] | undefined;
  /** Whether peers are asked for OCSP responses with their certificates; not by default. */
  readonly requestsOcspResponses?: boolean | undefined;
  verify(peer: PeerChain, context: QuestionContext): MaybePromise<TrustVerdict>;
}
