/** Messages that carry extensions, by the abbreviations of RFC 9846 §4.3; SH12 is the ServerHello of TLS 1.2. */
export type ExtensionContext = 'CH' | 'SH' | 'SH12' | 'HRR' | 'EE' | 'CR' | 'CT' | 'NST';

interface ExtensionType {
  readonly code: number;
  /** Where it may appear; anywhere else it is an illegal_parameter. */
  readonly contexts: readonly ExtensionContext[];
}

/** The extensions that Tacit recognizes. */
export type ExtensionName =
  | 'server_name'
  | 'max_fragment_length'
  | 'status_request'
  | 'supported_groups'
  | 'ec_point_formats'
  | 'signature_algorithms'
  | 'application_layer_protocol_negotiation'
  | 'client_certificate_type'
  | 'server_certificate_type'
  | 'padding'
  | 'extended_master_secret'
  | 'compress_certificate'
  | 'record_size_limit'
  | 'session_ticket'
  | 'pre_shared_key'
  | 'early_data'
  | 'supported_versions'
  | 'cookie'
  | 'psk_key_exchange_modes'
  | 'certificate_authorities'
  | 'post_handshake_auth'
  | 'signature_algorithms_cert'
  | 'key_share'
  | 'ticket_request'
  | 'renegotiation_info';

/** Their code points and places, from the table of RFC 9846 §4.3 and, for TLS 1.2, the registry's. */
export const extensionTypes: Readonly<Record<ExtensionName, ExtensionType>> = {
  server_name: { code: 0, contexts: ['CH', 'EE', 'CR', 'SH12'] },
  max_fragment_length: { code: 1, contexts: ['CH', 'EE', 'SH12'] },
  status_request: { code: 5, contexts: ['CH', 'CR', 'CT', 'SH12'] },
  // RFC 8422 §5.2 does not have it in a ServerHello, where some servers put it even so.
  supported_groups: { code: 10, contexts: ['CH', 'EE', 'SH12'] },
  ec_point_formats: { code: 11, contexts: ['CH', 'SH12'] },
  signature_algorithms: { code: 13, contexts: ['CH', 'CR'] },
  application_layer_protocol_negotiation: { code: 16, contexts: ['CH', 'EE', 'SH12'] },
  client_certificate_type: { code: 19, contexts: ['CH', 'EE', 'SH12'] },
  server_certificate_type: { code: 20, contexts: ['CH', 'EE', 'SH12'] },
  padding: { code: 21, contexts: ['CH'] },
  extended_master_secret: { code: 23, contexts: ['CH', 'SH12'] },
  compress_certificate: { code: 27, contexts: ['CH', 'CR'] },
  record_size_limit: { code: 28, contexts: ['CH', 'EE', 'SH12'] },
  session_ticket: { code: 35, contexts: ['CH', 'SH12'] },
  pre_shared_key: { code: 41, contexts: ['CH', 'SH'] },
  early_data: { code: 42, contexts: ['CH', 'EE', 'NST'] },
  supported_versions: { code: 43, contexts: ['CH', 'SH', 'HRR'] },
  cookie: { code: 44, contexts: ['CH', 'HRR'] },
  psk_key_exchange_modes: { code: 45, contexts: ['CH'] },
  certificate_authorities: { code: 47, contexts: ['CH', 'CR'] },
  post_handshake_auth: { code: 49, contexts: ['CH'] },
  signature_algorithms_cert: { code: 50, contexts: ['CH', 'CR'] },
  key_share: { code: 51, contexts: ['CH', 'SH', 'HRR'] },
  ticket_request: { code: 58, contexts: ['CH', 'EE'] },
  renegotiation_info: { code: 0xff01, contexts: ['CH', 'SH12'] },
};

const byCode: ReadonlyMap<
  number,
  { readonly name: ExtensionName; readonly contexts: readonly ExtensionContext[] }
> = new Map(
  Object.entries(extensionTypes).map(([name, type]) => [
    type.code,
    { name: name as ExtensionName, contexts: type.contexts },
  ]),
);

/** The recognized extension with this code. */
export function extensionByCode(
  code: number,
): { readonly name: ExtensionName; readonly contexts: readonly ExtensionContext[] } | undefined {
  return byCode.get(code);
}
