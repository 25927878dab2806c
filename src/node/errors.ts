import {
  type CertificateCheck,
  TlsCertificateError,
  TlsPeerError,
  TlsTimeoutError,
  TlsTruncatedError,
  TlsUsageError,
} from '../base/errors.ts';

/** An error with the code by which programs for `node:tls` know it. */
export function nodeError(code: string, message: string, more: object = {}): Error & { code: string } {
  const Made =
    /^ERR_(INVALID_ARG|TLS_INVALID_PROTOCOL|TLS_PROTOCOL_VERSION|TLS_INVALID_CONTEXT|TLS_ALPN)/.test(code)
      ? TypeError
      : code === 'ERR_OUT_OF_RANGE'
        ? RangeError
        : Error;
  const error = new Made(message, 'cause' in more ? { cause: more.cause } : undefined);
  return Object.assign(error, more, { code });
}

/** An error of TLS itself: Node has OpenSSL's reason in its text, code, `library` and `reason`. */
export function sslError(reason: string, message: string, cause?: Error): Error & { code: string } {
  return nodeError(
    `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`,
    `SSL routines::${reason}: ${message}`,
    {
      library: 'SSL routines',
      reason,
      ...(cause && { cause }),
    },
  );
}

/** By check: the code of OpenSSL's verification (`X509_V_ERR_…`), as Node has it. */
const verificationCodes: Readonly<Record<Exclude<CertificateCheck, 'unknown_issuer'>, string>> = {
  malformed: 'UNSPECIFIED',
  expired: 'CERT_HAS_EXPIRED',
  not_yet_valid: 'CERT_NOT_YET_VALID',
  bad_signature: 'CERT_SIGNATURE_FAILURE',
  weak_key: 'EE_KEY_TOO_SMALL',
  weak_signature: 'CA_MD_TOO_WEAK',
  not_a_ca: 'INVALID_CA',
  path_too_long: 'PATH_LENGTH_EXCEEDED',
  key_usage: 'INVALID_PURPOSE',
  extended_key_usage: 'INVALID_PURPOSE',
  critical_extension: 'UNHANDLED_CRITICAL_EXTENSION',
  name_mismatch: 'HOSTNAME_MISMATCH',
  pin_mismatch: 'CERT_REJECTED',
  revoked: 'CERT_REVOKED',
  revocation_unknown: 'UNABLE_TO_GET_CRL',
  bad_ocsp_response: 'CERT_REJECTED',
  missing_ocsp_response: 'CERT_REJECTED',
  not_acceptable: 'CERT_REJECTED',
  missing: 'UNABLE_TO_GET_ISSUER_CERT',
};

/** OpenSSL's texts for these codes (X509_verify_cert_error_string(3)), which programs compare. */
const verificationTexts: Readonly<Record<string, string>> = {
  UNSPECIFIED: 'unspecified certificate verification error',
  CERT_HAS_EXPIRED: 'certificate has expired',
  CERT_NOT_YET_VALID: 'certificate is not yet valid',
  CERT_SIGNATURE_FAILURE: 'certificate signature failure',
  EE_KEY_TOO_SMALL: 'EE certificate key too weak',
  CA_MD_TOO_WEAK: 'CA signature digest algorithm too weak',
  INVALID_CA: 'invalid CA certificate',
  PATH_LENGTH_EXCEEDED: 'path length constraint exceeded',
  INVALID_PURPOSE: 'unsuitable certificate purpose',
  UNHANDLED_CRITICAL_EXTENSION: 'unhandled critical extension',
  HOSTNAME_MISMATCH: 'hostname mismatch',
  CERT_REJECTED: 'certificate rejected',
  CERT_REVOKED: 'certificate revoked',
  UNABLE_TO_GET_CRL: 'unable to get certificate CRL',
  UNABLE_TO_GET_ISSUER_CERT: 'unable to get issuer certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unable to get local issuer certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unable to verify the first certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'self-signed certificate in certificate chain',
};

/** A refused chain, as Node tells it: OpenSSL's code and text. Tacit's, which names the certificate, is that of its cause. */
export function verificationError(
  cause: TlsCertificateError,
  chain: readonly ChainLink[],
): Error & { code: string } {
  // A root of version 1 that is not in `ca` cannot be read here: Node reads it, and does not know it.
  const { check, certificate } = cause;
  const isUnknown =
    check === 'unknown_issuer' || (check === 'malformed' && chain[certificate?.position ?? 0]?.isSelfIssued);
  const code = isUnknown ? issuerCode(cause, chain) : verificationCodes[check as 'malformed'];
  return nodeError(code, verificationTexts[code] ?? cause.message, { cause });
}

/** What the code for an unknown issuer depends on. */
export interface ChainLink {
  readonly isSelfIssued: boolean;
}

function issuerCode({ certificate }: TlsCertificateError, chain: readonly ChainLink[]): string {
  const position = certificate?.position ?? 0;
  const isSelfIssued = chain[position]?.isSelfIssued ?? chain.at(-1)?.isSelfIssued ?? false;
  if (isSelfIssued) return position === 0 ? 'DEPTH_ZERO_SELF_SIGNED_CERT' : 'SELF_SIGNED_CERT_IN_CHAIN';
  return chain.length === 1 ? 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' : 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
}

/** The prefix that OpenSSL gives the reason of a received alert, where it is not `TLSV1_ALERT_`. */
const alertPrefixes: readonly (readonly [string, readonly string[]])[] = [
  [
    'SSLV3_ALERT_',
    [
      'unexpected_message',
      'bad_record_mac',
      'handshake_failure',
      'bad_certificate',
      'unsupported_certificate',
      'certificate_revoked',
      'certificate_expired',
      'certificate_unknown',
      'illegal_parameter',
    ],
  ],
  ['TLSV1_', ['unsupported_extension', 'unrecognized_name', 'bad_certificate_status_response']],
  ['TLSV13_ALERT_', ['missing_extension', 'certificate_required']],
];

/** By the alert that we sent: what OpenSSL calls the reason for it. All others are named after the alert. */
const sentReasons: Readonly<Record<string, string>> = {
  protocol_version: 'UNSUPPORTED_PROTOCOL',
  handshake_failure: 'NO_SHARED_CIPHER',
  bad_record_mac: 'DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
  decrypt_error: 'BAD_SIGNATURE',
  no_application_protocol: 'NO_APPLICATION_PROTOCOL',
  record_overflow: 'DATA_LENGTH_TOO_LONG',
};

/** By our message: where OpenSSL tells apart what has the same alert. */
const specialReasons: readonly (readonly [RegExp, string])[] = [
  [/^expected a TLS record/, 'WRONG_VERSION_NUMBER'],
  // In TLS 1.2 a cipher suite goes with it, and is what it calls missing.
  [/^the client accepts no signature scheme (?!.*cipher suite)/, 'NO_SUITABLE_SIGNATURE_ALGORITHM'],
];

/**
 * The reason of a failed connection with the code that Node has for it. The reason itself is its `cause`; what Node has
 * no code for stays as it is.
 */
export function connectionError(cause: Error): Error {
  if (cause instanceof TlsPeerError) {
    const { direction, alert, message } = cause;
    const reason = direction === 'received' ? receivedReason(alert) : sentReason(alert, message);
    return sslError(reason.toLowerCase().replaceAll('_', ' '), message, cause);
  }
  if (cause instanceof TlsTimeoutError && cause.deadline === 'handshake')
    return nodeError('ERR_TLS_HANDSHAKE_TIMEOUT', 'TLS handshake timeout', { cause });
  if (cause instanceof TlsCertificateError && cause.check === 'missing')
    return sslError('peer did not return a certificate', cause.message, cause);
  if (cause instanceof TlsTruncatedError)
    return sslError('unexpected eof while reading', cause.message, cause);
  // What a function of the application's threw, is what it is told.
  if (cause instanceof TlsUsageError && cause.cause instanceof Error) return cause.cause;
  const { code } = cause as { readonly code?: unknown };
  const { cause: below } = cause;
  // A socket's error comes as the socket gave it: programs look at its `syscall` and `errno` too.
  return below instanceof Error && 'code' in below && below.code === code ? below : cause;
}

/** A client's connection that ended before its handshake did. @param place the options that say where it was to go */
export function neverSecured(place: object): Error {
  const { host, port, path, localAddress } = place as {
    readonly host?: string;
    readonly port?: number;
    readonly path?: string;
    readonly localAddress?: string;
  };
  return nodeError(
    'ECONNRESET',
    'Client network socket disconnected before secure TLS connection was established',
    { path, host, port, localAddress },
  );
}

/** What was written has not been taken, and will not be: somebody has destroyed what is below. */
export function canceledWrite(): Error {
  return nodeError('ECANCELED', 'write ECANCELED', { syscall: 'write' });
}

function receivedReason(alert: string): string {
  const prefix = alertPrefixes.find(([, alerts]) => alerts.includes(alert))?.[0] ?? 'TLSV1_ALERT_';
  return prefix + alert.toUpperCase();
}

function sentReason(alert: string, message: string): string {
  const special = specialReasons.find(([pattern]) => pattern.test(message))?.[1];
  return special ?? sentReasons[alert] ?? alert.toUpperCase();
}
