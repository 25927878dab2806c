/** Messages that carry extensions, by the abbreviations of RFC 9846 §4.3. */
export type ExtensionContext = 'CH' | 'SH' | 'HRR' | 'EE' | 'CR' | 'CT' | 'NST';

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
  | 'signature_algorithms'
  | 'application_layer_protocol_negotiation'
  | 'padding'
  | 'compress_certificate'
  | 'record_size_limit'
  | 'pre_shared_key'
  | 'early_data'
  | 'supported_versions'
  | 'cookie'
  | 'psk_key_exchange_modes'
  | 'certificate_authorities'
  | 'post_handshake_auth'
  | 'signature_algorithms_cert'
  | 'key_share'
  | 'ticket_request';

/** Their code points and places, from the table of RFC 9846 §4.3. */
export const extensionTypes: Readonly<Record<ExtensionName, ExtensionType>> = {
  server_name: { code: 0, contexts: ['CH', 'EE', 'CR'] },
  max_fragment_length: { code: 1, contexts: ['CH', 'EE'] },
  status_request: { code: 5, contexts: ['CH', 'CR', 'CT'] },
  supported_groups: { code: 10, contexts: ['CH', 'EE'] },
  signature_algorithms: { code: 13, contexts: ['CH', 'CR'] },
  application_layer_protocol_negotiation: { code: 16, contexts: ['CH', 'EE'] },
  padding: { code: 21, contexts: ['CH'] },
  compress_certificate: { code: 27, contexts: ['CH', 'CR'] },
  record_size_limit: { code: 28, contexts: ['CH', 'EE'] },
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
