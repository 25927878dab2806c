/** Every bound in one place, each with its reason. Sizes in bytes unless the name says otherwise. */

/** Content of one record (RFC 9846 §5.1). */
export const maxRecordContent: number = 2 ** 14;

/** A protected record's length field: content, content type, padding, expansion (RFC 9846 §5.2). */
export const maxCiphertext: number = maxRecordContent + 256;

/** Inner plaintext with content type and padding: the largest record_size_limit of TLS 1.3 (RFC 8449 §4). */
export const maxInnerPlaintext: number = maxRecordContent + 1;

/** The smallest record_size_limit a peer may announce (RFC 8449 §4). */
export const minRecordSizeLimit: number = 64;

/** AES-GCM keeps its margin up to 2^24.5 full records (RFC 9846 §5.5); one limit serves every suite. */
export const maxRecordsPerKey: number = 2 ** 24;

/** Blocks of AES-GCM that a connection of TLS 1.2, which has no key update, may seal: those of 2^24.5 full records (RFC 9846 §5.5, RFC 9325 §4.4). */
export const maxGcmBlocks: number = Math.floor(2 ** 24.5) * (2 ** 10 + 1);

/** A sender's epochs (RFC 9846 §4.7.3). */
export const maxKeyUpdates: number = 2 ** 48 - 1;

/** KeyUpdates in a row without application data between them, as in BoringSSL. */
export const maxKeyUpdatesInARow: number = 32;

/** Empty application data records in a row, as in BoringSSL: each costs us a decryption and brings nothing. */
export const maxEmptyRecordsInARow: number = 32;

/** user_canceled alerts, which are not fatal (RFC 9846 §6.1), as in BoringSSL. */
export const maxUserCanceled: number = 4;

/** Warnings of a peer of TLS 1.2 in a row, which are no errors (RFC 5246 §7.2.2), as in BoringSSL. */
export const maxWarningAlerts: number = 4;

/** Refused 0-RTT data that a server skips (RFC 9846 §4.3.10), as OpenSSL allows and BoringSSL skips; padding cannot be told apart. */
export const maxSkippedEarlyData: number = 16_384;

/** What a connection buffers of the transport before it asks its driver to pause. */
export const maxBufferedInput: number = 65_536;

/** Tickets per `sendTickets` and per handshake. */
export const maxTicketsAtOnce: number = 8;

/** RFC 9846 §4.7.1: seven days, in seconds. */
export const maxTicketLifetime: number = 604_800;

/** PSK identities that a server tries to open: more than any client offers, few enough to cost nothing. */
export const maxPskIdentitiesTried: number = 4;

/** Identities that are tried for a client without a name of theirs: a default, and one for each kind of key. */
export const maxIdentitiesTried: number = 16;

/** Names of authorities in a CertificateRequest, in bytes: more would be no hint, and clients read no longer messages. */
export const maxAuthorityNames: number = 2 ** 14;

/** A host name in server_name: the longest DNS name has 253 characters (RFC 1035 §3.1). */
export const maxServerName: number = 255;

/** The cap of a `vector<1..2^16-1>` such as a ticket. */
export const maxUint16: number = 2 ** 16 - 1;

/** A ticket that a client keeps: with it the extensions of a ClientHello, 64 KiB at most, have room for all others. */
export const maxClientTicket: number = 2 ** 14;

/** A cookie that a client takes: it comes back in a ClientHello, beside a ticket. */
export const maxCookie: number = 2 ** 15;

/** What a client keeps of one server's chain for resumption; larger sessions are not kept. */
export const maxClientSessionSize: number = 131_072;

/** Attributes of one relative distinguished name: the longest known have about ten. */
export const maxRelativeNames: number = 100;

/** Values inside values, in a part of a certificate that nobody reads: names have three levels. */
export const maxDerDepth: number = 16;

/** Comparisons of a name with a name constraint that one chain may cost: real chains need some hundreds. */
export const maxNameComparisons: number = 50_000;

/** Certificates between the leaf and the trust anchor: the public Web needs two or three. */
export const maxIntermediates: number = 6;

/** Candidates that are looked at as somebody's issuer: a peer decides how many it makes. */
export const maxPathSteps: number = 2_000;

/** Signatures verified for one chain, the dearest thing that a peer can make us do; large keys count several times. */
export const maxSignatureChecks: number = 100;

/** Certificates of trusted paths that are kept ready: the public Web has some two thousand authorities, of which a hundred do most. */
export const maxRememberedCertificates: number = 256;

/** Of a certificate that is kept ready. */
export const maxRememberedBytes: number = 8_192;

/** Names, places and purposes in it, which take ten times the memory of their bytes. Few have more than a hundred. */
export const maxRememberedItems: number = 128;

/** Certificates of a peer that are read at all: several times what the crossed signatures of any authority need. */
export const maxPresentedCertificates: number = 32;

/** Entries of a Certificate message: compressed, thousands of empty ones have thirty bytes. More than any policy takes. */
export const maxCertificateEntries: number = 100;

/** Names in certificate_authorities that are read: the longest known lists, of Windows servers, have about 200. */
export const maxAuthorities: number = 2_048;

/** What these may come to, in bytes. */
export const maxPresentedBytes: number = 65_536;

/** Extensions of a certificate: the largest known have about twenty. */
export const maxCertificateExtensions: number = 100;

/** A PKCS #12 file: hundreds of certificates have less, and what is parsed takes a hundred times its memory. */
export const maxPkcs12Bytes: number = 2 ** 20;

/** Iterations for all keys of a PKCS #12 file: NSS and GnuTLS take 600 000 for each of three. These take half a minute at most. */
export const maxPkcs12Iterations: number = 5_000_000;

/** An OCSP response of our own, in bytes: those of public authorities have 500 to 2 500. */
export const maxOcspResponse: number = 2 ** 14;

/** Statuses in an OCSP response: one would do, some responders add those of a certificate's issuers. */
export const maxOcspStatuses: number = 100;

/** Paths in which all holds but the last check, after which no other is looked for. */
export const maxRefusedPaths: number = 16;

/** Certificates in an OCSP response that are looked into: the responder's and its issuers'. */
export const maxOcspCertificates: number = 8;

/** Of these, how many are tried as its signer's: one would do, and each may cost two signatures. */
export const maxResponders: number = 2;

/** Compressed messages kept for one chain: by two algorithms, with a stapled response and without. */
export const maxCompressedPerChain: number = 4;

/** Bodies of handshake messages by type, refused from the 4-byte header: what the syntax allows, or the largest honest message. */
export const maxMessageSizes: Readonly<Record<number, number>> = {
  0: 0, // hello_request
  1: 131_396, // client_hello: all cipher suites that there can be, 64 KiB of extensions (a ticket, a cookie)
  2: 65_607, // server_hello: HelloRetryRequest carries a cookie of up to 64 KiB
  4: 131_338, // new_session_ticket: a ticket of up to 64 KiB, and as much for extensions
  8: 2 ** 16 + 1, // encrypted_extensions
  11: 2 ** 16 + 2 ** 14, // certificate: 64 KiB of certificates, their framing and OCSP responses
  12: 2 ** 13, // server_key_exchange: a public value of up to 255 bytes, and a signature
  13: 2 ** 17 + 257, // certificate_request: of TLS 1.2, with two lists of 64 KiB
  14: 0, // server_hello_done
  15: 2 ** 13, // certificate_verify: RSA-16384 signs in 2 048
  16: 256, // client_key_exchange
  20: 64, // finished: a SHA-512 hash would be the longest
  22: 2 ** 14 + 4, // certificate_status: what one of our own may have
  24: 1, // key_update
  25: 2 ** 16 + 2 ** 14 + 2 ** 8, // compressed_certificate: a certificate, where it did not get any smaller
};

/** A message of TLS 1.2 that is passed over behind the handshake: any honest ClientHello, and no more for whoever stops in it. */
export const maxIgnoredMessage: number = 2 ** 14;

/** Those that are bounded by their syntax; the others' bounds are ours. */
export const messagesBoundedBySyntax: ReadonlySet<number> = new Set([0, 1, 2, 4, 8, 13, 14, 16, 20, 24]);
