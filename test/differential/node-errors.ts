import type { Failure } from './endpoint.ts';

/** What `node:tls` would tell the peer about a certificate, if it told it anything: by the codes of OpenSSL's verification. */
const certificateAlerts: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'certificate_expired',
  CERT_NOT_YET_VALID: 'certificate_expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'bad_certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown_ca',
  UNABLE_TO_GET_ISSUER_CERT: 'unknown_ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown_ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'unknown_ca',
  INVALID_PURPOSE: 'unsupported_certificate',
};

/** OpenSSL's own reasons to send an alert, where there may be nobody who reads it. */
const ownAlerts: Readonly<Record<string, string>> = {
  /** What the SNICallback of these tests says. */
  UNKNOWN_NAME: 'unrecognized_name',
  ERR_SSL_NO_SHARED_CIPHER: 'handshake_failure',
  ERR_SSL_REQUIRED_CIPHER_MISSING: 'illegal_parameter',
  ERR_SSL_WRONG_CURVE: 'illegal_parameter',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'protocol_version',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'certificate_required',
};

const broken: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ECANCELED',
]);

/** The best of the errors that a connection has come to: what TLS says goes before what the transport does. */
export function nodeFailure(errors: readonly unknown[]): Failure {
  const failures = errors.map(failureOf);
  return (
    failures.find(({ by }) => by === 'peer') ??
    failures.find(({ by }) => by === 'us') ??
    failures[0] ?? { by: 'transport', text: 'nothing' }
  );
}

function failureOf(error: unknown): Failure {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const text = `${code} ${message}`;
  // `sslv3 alert …` until OpenSSL 3.1, `ssl/tls alert …` since; some have no "alert" in their name.
  const received = /^ERR_SSL_(?:.*_ALERT_|TLSV1_(?=UNRECOGNIZED_NAME|UNSUPPORTED_EXTENSION))(.+)$/.exec(code);
  if (received !== null) return { by: 'peer', alert: received[1]!.toLowerCase(), text };
  const refused = certificateAlerts[code] ?? ownAlerts[code];
  if (refused !== undefined || code.startsWith('ERR_SSL_')) return { by: 'us', alert: refused, text };
  if (broken.has(code) || message === 'closed') return { by: 'transport', text };
  return { by: 'us', alert: undefined, text };
}
