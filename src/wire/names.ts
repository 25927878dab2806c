/** Code points of the IANA registries that TLS uses (RFC 9846 Appendix B, RFC 5246 Appendix A). Unknown values stay numbers. */

export const contentTypes = {
  change_cipher_spec: 20,
  alert: 21,
  handshake: 22,
  application_data: 23,
} as const;

export const handshakeTypes = {
  hello_request: 0,
  client_hello: 1,
  server_hello: 2,
  new_session_ticket: 4,
  end_of_early_data: 5,
  encrypted_extensions: 8,
  certificate: 11,
  server_key_exchange: 12,
  certificate_request: 13,
  server_hello_done: 14,
  certificate_verify: 15,
  client_key_exchange: 16,
  finished: 20,
  certificate_status: 22,
  key_update: 24,
  compressed_certificate: 25,
  message_hash: 254,
} as const;

export type HandshakeType = keyof typeof handshakeTypes;

const handshakeTypeNames: ReadonlyMap<number, string> = new Map(
  Object.entries(handshakeTypes).map(([name, code]) => [code, name]),
);

/** The name of a handshake message type for error texts. */
export function handshakeTypeName(code: number): string {
  return handshakeTypeNames.get(code) ?? `handshake type ${code}`;
}

export const protocolVersions = { tls12: 0x0303, tls13: 0x0304 } as const;

/** The versions that Tacit speaks, under the names that node:tls has for them. */
export type ProtocolVersion = 'TLSv1.2' | 'TLSv1.3';

/** TLS 1.3 (RFC 9846 Appendix B.4). */
export const tls13CipherSuiteCodes = {
  TLS_AES_128_GCM_SHA256: 0x1301,
  TLS_AES_256_GCM_SHA384: 0x1302,
  TLS_CHACHA20_POLY1305_SHA256: 0x1303,
} as const;

/** TLS 1.2 with ECDHE and AEAD (RFC 5289 §3.2, RFC 7905 §2). */
export const tls12CipherSuiteCodes = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 0xc02b,
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 0xc02f,
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 0xc02c,
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 0xc030,
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 0xcca9,
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 0xcca8,
} as const;

export const cipherSuiteCodes: typeof tls13CipherSuiteCodes & typeof tls12CipherSuiteCodes = {
  ...tls13CipherSuiteCodes,
  ...tls12CipherSuiteCodes,
};

export type Tls13CipherSuiteName = keyof typeof tls13CipherSuiteCodes;
export type Tls12CipherSuiteName = keyof typeof tls12CipherSuiteCodes;
export type CipherSuiteName = Tls13CipherSuiteName | Tls12CipherSuiteName;

/** Values among the cipher suites of a ClientHello that are none. */
export const signalingCipherSuites = {
  /** RFC 5746 §3.3: as good as an empty renegotiation_info. */
  TLS_EMPTY_RENEGOTIATION_INFO_SCSV: 0x00ff,
  /** RFC 7507: the client has tried a higher version before. */
  TLS_FALLBACK_SCSV: 0x5600,
} as const;

export const namedGroupCodes = {
  secp256r1: 0x0017,
  secp384r1: 0x0018,
  secp521r1: 0x0019,
  x25519: 0x001d,
} as const;

export const signatureSchemeCodes = {
  rsa_pkcs1_sha256: 0x0401,
  rsa_pkcs1_sha384: 0x0501,
  rsa_pkcs1_sha512: 0x0601,
  ecdsa_secp256r1_sha256: 0x0403,
  ecdsa_secp384r1_sha384: 0x0503,
  ecdsa_secp521r1_sha512: 0x0603,
  rsa_pss_rsae_sha256: 0x0804,
  rsa_pss_rsae_sha384: 0x0805,
  rsa_pss_rsae_sha512: 0x0806,
  ed25519: 0x0807,
  rsa_pss_pss_sha256: 0x0809,
  rsa_pss_pss_sha384: 0x080a,
  rsa_pss_pss_sha512: 0x080b,
} as const;

/** What Certificate messages hold (RFC 7250, the registry of RFC 8447 §16). */
export const certificateTypeCodes = { X509: 0, RawPublicKey: 2 } as const;

export type CertificateType = keyof typeof certificateTypeCodes;

/** RFC 8879 §7.3. */
export const certificateCompressionCodes = { zlib: 1, brotli: 2 } as const;

export const pskKeyExchangeModes = { psk_ke: 0, psk_dhe_ke: 1 } as const;

/** The name in `registry` that has `code`; undefined for values that Tacit does not know, GREASE among them. */
export function nameOf<Name extends string>(
  registry: Readonly<Record<Name, number>>,
  code: number,
): Name | undefined {
  for (const name in registry) if (registry[name] === code) return name;
  return undefined;
}
