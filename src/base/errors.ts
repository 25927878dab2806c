import type { AlertName, ReceivedAlertName } from './alerts.ts';

/** The stable codes of Tacit's own errors. */
export type TlsErrorCode =
  | 'TLS_ALERT_SENT'
  | 'TLS_ALERT_RECEIVED'
  | 'TLS_CERTIFICATE'
  | 'TLS_TRUNCATED'
  | 'TLS_TIMEOUT'
  | 'TLS_USAGE';

/** The base of every error that has a TLS reason. `code` is stable and documented; the message is for people. */
export abstract class TlsError extends Error {
  abstract readonly code: TlsErrorCode;
}

/**
 * The peer broke the protocol (`direction: 'sent'`: `alert` is what we told it)
 * or refused us (`direction: 'received'`: `alert` is what it told us).
 */
export class TlsPeerError extends TlsError {
  override readonly name = 'TlsPeerError';
  readonly code: 'TLS_ALERT_SENT' | 'TLS_ALERT_RECEIVED';
  readonly alert: ReceivedAlertName;
  readonly direction: 'sent' | 'received';

  constructor(
    direction: 'sent' | 'received',
    alert: ReceivedAlertName,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.direction = direction;
    this.alert = alert;
    this.code = direction === 'sent' ? 'TLS_ALERT_SENT' : 'TLS_ALERT_RECEIVED';
  }
}

/** Which check refused a certificate chain. */
export type CertificateCheck =
  | 'malformed'
  | 'expired'
  | 'not_yet_valid'
  | 'unknown_issuer'
  | 'bad_signature'
  | 'weak_key'
  | 'weak_signature'
  | 'not_a_ca'
  | 'path_too_long'
  | 'key_usage'
  | 'extended_key_usage'
  | 'critical_extension'
  | 'name_mismatch'
  | 'pin_mismatch'
  | 'revoked'
  | 'revocation_unknown'
  | 'bad_ocsp_response'
  | 'missing_ocsp_response'
  | 'not_acceptable'
  | 'missing';

/** The certificate that an error is about: its subject as text and its place in the chain, 0 being the leaf. */
export interface CertificatePlace {
  readonly subject: string;
  readonly position: number;
}

/** The peer's certificate was refused: `check` says by which check, `certificate` which one it was. */
export class TlsCertificateError extends TlsError {
  override readonly name = 'TlsCertificateError';
  readonly code = 'TLS_CERTIFICATE';
  readonly check: CertificateCheck;
  readonly certificate: CertificatePlace | undefined;

  constructor(
    check: CertificateCheck,
    message: string,
    certificate?: CertificatePlace,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.check = check;
    this.certificate = certificate;
  }
}

/** The transport ended without the peer's close_notify: what was received may be incomplete (RFC 9846 §6.1). */
export class TlsTruncatedError extends TlsError {
  override readonly name = 'TlsTruncatedError';
  readonly code = 'TLS_TRUNCATED';
  /** Whether the end came after the handshake and not inside a record: what a tolerant reader may take for an end. */
  readonly atRecordBoundary: boolean;

  constructor(message: string, atRecordBoundary: boolean) {
    super(message);
    this.atRecordBoundary = atRecordBoundary;
  }
}

/** A deadline passed; `deadline` names which. */
export class TlsTimeoutError extends TlsError {
  override readonly name = 'TlsTimeoutError';
  readonly code = 'TLS_TIMEOUT';
  readonly deadline: 'handshake' | 'idle' | 'drain';

  constructor(deadline: 'handshake' | 'idle' | 'drain', message: string) {
    super(message);
    this.deadline = deadline;
  }
}

/** A mistake of the caller, thrown at the call. */
export class TlsUsageError extends TlsError {
  override readonly name = 'TlsUsageError';
  readonly code = 'TLS_USAGE';
}

const certificateAlerts: Readonly<Record<CertificateCheck, AlertName>> = {
  malformed: 'bad_certificate',
  expired: 'certificate_expired',
  not_yet_valid: 'certificate_expired',
  unknown_issuer: 'unknown_ca',
  bad_signature: 'bad_certificate',
  weak_key: 'bad_certificate',
  weak_signature: 'bad_certificate',
  not_a_ca: 'bad_certificate',
  path_too_long: 'bad_certificate',
  key_usage: 'unsupported_certificate',
  extended_key_usage: 'unsupported_certificate',
  critical_extension: 'unsupported_certificate',
  name_mismatch: 'bad_certificate',
  pin_mismatch: 'certificate_unknown',
  revoked: 'certificate_revoked',
  revocation_unknown: 'certificate_unknown',
  bad_ocsp_response: 'bad_certificate_status_response',
  missing_ocsp_response: 'bad_certificate_status_response',
  not_acceptable: 'certificate_unknown',
  missing: 'certificate_required',
};

/**
 * The fatal alert that tells the peer about `error`; undefined where nothing may be sent (RFC 9846 §6.2).
 * @param version what was negotiated: TLS 1.2 has no alert for a certificate that is missing (RFC 5246 §7.4.6)
 */
export function alertFor(error: TlsError, version?: string): AlertName | undefined {
  if (error instanceof TlsPeerError)
    return error.direction === 'sent' ? (error.alert as AlertName) : undefined;
  if (error instanceof TlsCertificateError) {
    const hasNoAlert = error.check === 'missing' && version === 'TLSv1.2';
    return hasNoAlert ? 'handshake_failure' : certificateAlerts[error.check];
  }
  // Our own caller failed: a key that does not sign, a store that does not answer.
  if (error instanceof TlsUsageError) return 'internal_error';
  return undefined;
}

/** The peer did something that the protocol forbids: `alert` is what it will be told. */
export function peerError(alert: AlertName, message: string, options?: ErrorOptions): TlsPeerError {
  return new TlsPeerError('sent', alert, message, options);
}
