/** The hash functions of the cipher suites. */
export type HashAlgorithm = 'sha256' | 'sha384';

/** The AEAD algorithms of the cipher suites, by their names in RFC 5116 and RFC 8439. */
export type AeadAlgorithm = 'AES_128_GCM' | 'AES_256_GCM' | 'CHACHA20_POLY1305';

/** Key exchange groups by IANA name (RFC 9846 §4.3.7). */
export type NamedGroup = 'x25519' | 'secp256r1' | 'secp384r1' | 'secp521r1';

/** Signature schemes that sign a handshake, by IANA name (RFC 9846 §4.3.3). */
export type SignatureScheme =
  | 'ecdsa_secp256r1_sha256'
  | 'ecdsa_secp384r1_sha384'
  | 'ecdsa_secp521r1_sha512'
  | 'ed25519'
  | 'rsa_pss_rsae_sha256'
  | 'rsa_pss_rsae_sha384'
  | 'rsa_pss_rsae_sha512'
  | 'rsa_pss_pss_sha256'
  | 'rsa_pss_pss_sha384'
  | 'rsa_pss_pss_sha512'
  /** In TLS 1.2 only. */
  | 'rsa_pkcs1_sha256'
  | 'rsa_pkcs1_sha384'
  | 'rsa_pkcs1_sha512';

/** What certificates, revocation lists and OCSP responses are signed with. Any curve goes with any hash of ECDSA. */
export type SignatureAlgorithm =
  | `rsa_pkcs1_${'sha256' | 'sha384' | 'sha512'}`
  | `rsa_pss_${'sha256' | 'sha384' | 'sha512'}`
  | `ecdsa_${'sha256' | 'sha384' | 'sha512'}`
  | 'ed25519';

/** Algorithms that compress certificates, by IANA name (RFC 8879 §7.3). */
export type CertificateCompression = 'zlib' | 'brotli';

/**
 * The primitives that the engine stands on. Synchronous for good: what may take time is a question, never a primitive.
 * Every array that a provider returns belongs to the caller; secrets come in arrays whose ArrayBuffer holds nothing else.
 */
export interface CryptoProvider {
  /** `length` bytes from a cryptographically secure generator. */
  randomBytes(length: number): Uint8Array;
  /** Equality in time that depends on the lengths only. */
  timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean;
  hash(algorithm: HashAlgorithm): RunningHash;
  /** 20 bytes. Names what OCSP names by SHA-1 (RFC 6960 §4.1.1, §4.2.1); what it names is proven by a signature. */
  sha1(data: Uint8Array): Uint8Array;
  hmac(algorithm: HashAlgorithm, key: Uint8Array, data: Uint8Array): Uint8Array;
  /** @param key of exactly the algorithm's key length (16 or 32 bytes) */
  aead(algorithm: AeadAlgorithm, key: Uint8Array): Aead;
  /** The client's half of a key exchange: a fresh key pair, for one connection only. */
  initiateKeyExchange(group: NamedGroup): KeyExchange;
  /** The server's half, with a fresh key pair. Undefined where `peerShare` is no valid public value of the group. */
  respondToKeyExchange(group: NamedGroup, peerShare: Uint8Array): KeyExchangeResponse | undefined;
  /**
   * The public key in a DER SubjectPublicKeyInfo. It may be kept as long as the process runs, and must not refer to the
   * array that was given. Undefined where its algorithm is not supported or it is malformed.
   */
  importPublicKey(subjectPublicKeyInfo: Uint8Array): PublicKey | undefined;
  /** Those that there are. No cryptography, but it comes from the same place: a run-time has it, or it has not. */
  readonly compressors: Readonly<Partial<Record<CertificateCompression, Compressor>>>;
}

/** A hash that can be read while it runs. */
export interface RunningHash {
  update(data: Uint8Array): void;
  /** An independent hash in the same state. */
  copy(): RunningHash;
  /** The hash of everything so far; the running hash goes on. */
  digest(): Uint8Array;
}

/** One record to seal. On the wire it is `header ‖ ciphertext ‖ tag`. */
export interface RecordToSeal {
  readonly nonce: Uint8Array;
  readonly additionalData: Uint8Array;
  /** What goes ahead of the ciphertext, unencrypted. */
  readonly header: Uint8Array;
  /** The plaintext, in parts that are encrypted as if joined. */
  readonly plaintext: readonly Uint8Array[];
}

/** One record to open. */
export interface RecordToOpen {
  readonly nonce: Uint8Array;
  readonly additionalData: Uint8Array;
  /** Ciphertext and 16-byte tag. */
  readonly ciphertext: Uint8Array;
}

/**
 * An AEAD key. It works on runs of records, so that a fast provider can take a run in one call. It keeps nothing of
 * what it is given, and returns none of it: the caller may use its arrays again.
 */
export interface Aead {
  /** The wire bytes of the whole run, in order, in as many parts as is cheapest. */
  seal(run: readonly RecordToSeal[]): Uint8Array[];
  /** The plaintexts in order, up to the first record that does not authenticate: a shorter result means failure there. */
  open(run: readonly RecordToOpen[]): Uint8Array[];
}

/** A key exchange that waits for the peer's share. */
export interface KeyExchange {
  readonly group: NamedGroup;
  /** As it goes into KeyShareEntry.key_exchange. */
  readonly publicValue: Uint8Array;
  /** The shared secret; undefined where `peerShare` is invalid (wrong length or form, off the curve, all-zero result). */
  finish(peerShare: Uint8Array): Uint8Array | undefined;
}

export interface KeyExchangeResponse {
  readonly publicValue: Uint8Array;
  readonly sharedSecret: Uint8Array;
}

/** A peer's public key, bound to its algorithm, curve and size. */
export interface PublicKey {
  /** The schemes that this key can verify: type, curve and OID all fit (RFC 9846 §4.3.3). */
  readonly schemes: readonly SignatureScheme[];
  /** For RSA keys the modulus in bits, otherwise undefined. */
  readonly modulusBits: number | undefined;
  /** A signature of a handshake. False also where `scheme` is not among `schemes`. */
  verify(scheme: SignatureScheme, content: Uint8Array, signature: Uint8Array): boolean;
  /** A signature of an issuer. False also where the key is not of the algorithm's kind. */
  verifySigned(algorithm: SignatureAlgorithm, content: Uint8Array, signature: Uint8Array): boolean;
}

/** A compression algorithm, without a state between calls. */
export interface Compressor {
  compress(bytes: Uint8Array): Uint8Array;
  /**
   * Exactly `length` bytes; undefined where `compressed` is anything but one whole stream of so many. Whoever sends it
   * is not trusted: time and memory are bounded by the two lengths, whatever it says.
   */
  decompress(compressed: Uint8Array, length: number): Uint8Array | undefined;
}
