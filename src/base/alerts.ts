/** TLS alerts by IANA name (RFC 9846 §6; the TLS 1.2 ones that peers still send included). */
export const alertCodes = {
  close_notify: 0,
  unexpected_message: 10,
  bad_record_mac: 20,
  record_overflow: 22,
  handshake_failure: 40,
  bad_certificate: 42,
  unsupported_certificate: 43,
  certificate_revoked: 44,
  certificate_expired: 45,
  certificate_unknown: 46,
  illegal_parameter: 47,
  unknown_ca: 48,
  access_denied: 49,
  decode_error: 50,
  decrypt_error: 51,
  protocol_version: 70,
  insufficient_security: 71,
  internal_error: 80,
  inappropriate_fallback: 86,
  user_canceled: 90,
  no_renegotiation: 100,
  missing_extension: 109,
  unsupported_extension: 110,
  unrecognized_name: 112,
  bad_certificate_status_response: 113,
  unknown_psk_identity: 115,
  certificate_required: 116,
  general_error: 117,
  no_application_protocol: 120,
} as const;

/** The IANA name of an alert that Tacit can send. */
export type AlertName = keyof typeof alertCodes;

/** An alert that a peer can send: a known name, or `alert_N` for a code that IANA has not given to anybody. */
export type ReceivedAlertName = AlertName | `alert_${number}`;

const namesByCode: ReadonlyMap<number, AlertName> = new Map(
  Object.entries(alertCodes).map(([name, code]) => [code, name as AlertName]),
);

/** The name of the alert with this code; `alert_N` where the code is unknown. */
export function alertName(code: number): ReceivedAlertName {
  return namesByCode.get(code) ?? `alert_${code}`;
}

const meanings: Partial<Record<AlertName, string>> = {
  unexpected_message: 'a message came that the protocol does not allow at that point',
  bad_record_mac:
    'a record could not be decrypted: it was altered on the way, or the two sides hold different keys',
  record_overflow: 'a record was longer than allowed',
  handshake_failure: 'the two sides have no acceptable parameters in common',
  bad_certificate: 'the certificate is corrupt or its signature does not verify',
  unsupported_certificate: 'the certificate is of a kind that is not supported',
  certificate_revoked: 'the certificate was revoked by its issuer',
  certificate_expired: 'the certificate has expired or is not yet valid',
  certificate_unknown: 'the certificate was refused for a reason that no other alert names',
  illegal_parameter: 'a field was out of range or contradicts another',
  unknown_ca: 'the certificate was not issued by an authority that the other side trusts',
  access_denied: 'the certificate is valid, but access was refused',
  decode_error: 'a message could not be parsed',
  decrypt_error: 'a signature, a Finished message or a PSK binder did not verify',
  protocol_version: 'the two sides have no TLS version in common',
  insufficient_security: 'the other side requires stronger parameters',
  internal_error: 'the other side failed for a reason of its own',
  inappropriate_fallback: 'the client fell back to an older version without need',
  user_canceled: 'the handshake was called off',
  missing_extension: 'a mandatory extension is missing',
  unsupported_extension: 'an extension was answered that had not been offered',
  unrecognized_name: 'the server does not know the name that was asked for',
  bad_certificate_status_response: 'the stapled OCSP response was not acceptable',
  unknown_psk_identity: 'the pre-shared key is not known',
  certificate_required: 'the server requires a client certificate',
  general_error: 'the other side does not say why',
  no_application_protocol: 'the two sides have no application protocol (ALPN) in common',
};

/** What an alert usually means, as half a sentence for a person; undefined where there is nothing to add. */
export function alertMeaning(name: ReceivedAlertName): string | undefined {
  return meanings[name as AlertName];
}
