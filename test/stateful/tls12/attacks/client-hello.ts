import { noBytes, utf8 } from '../../../../src/base/bytes.ts';
import type { ClientHello, ClientHelloExtensions } from '../../../../src/wire/hello.ts';
import {
  type Attack,
  all,
  as,
  before,
  changed,
  type Edit,
  extended,
  unknown,
  without,
} from '../../support/edits.ts';
import { say } from '../../support/steps.ts';
import type { ServerSceneName } from '../scenes.ts';

const unexpected = 'unexpected_message';
const illegal = 'illegal_parameter';
const failure = 'handshake_failure';

const hello = (edit: (hello: ClientHello) => ClientHello): Edit => as({ name: 'Tls12ClientHello', edit });
const offer = (changes: Partial<ClientHelloExtensions>): Edit =>
  hello(extended<ClientHelloExtensions>(changes));
const suites = (...codes: readonly number[]): Edit => hello((fields) => ({ ...fields, cipherSuites: codes }));

export const hellos: readonly Attack<ServerSceneName>[] = [
  [
    'TLS 1.1',
    'RFC 5246 E.1',
    'full',
    hello((fields) => ({ ...fields, legacyVersion: 0x0302 })),
    'protocol_version',
  ],
  [
    'a version above TLS 1.2',
    'RFC 5246 E.1',
    'full',
    hello((fields) => ({ ...fields, legacyVersion: 0x0305 })),
    'end',
  ],
  [
    'TLS 1.1 in supported_versions',
    'RFC 9846 4.3.1',
    'full',
    offer({ supported_versions: [0x0302] }),
    'protocol_version',
  ],
  [
    'TLS 1.3 alone, to a server of TLS 1.2',
    'RFC 9846 4.3.1',
    'alone',
    offer({ supported_versions: [0x0304] }),
    'protocol_version',
  ],
  ['TLS 1.2 in supported_versions', 'RFC 9846 4.3.1', 'full', offer({ supported_versions: [0x0303] }), 'end'],
  ['TLS_FALLBACK_SCSV', 'RFC 7507 3', 'full', suites(0xc02b, 0x5600), 'inappropriate_fallback'],
  ['TLS_FALLBACK_SCSV to a server of TLS 1.2', 'RFC 7507 3', 'alone', suites(0xcca9, 0x5600), 'end'],
  ['only suites without ECDHE', 'RFC 5246 7.4.1.2', 'full', suites(0x009c, 0x002f), failure],
  ['only suites for another key', 'RFC 8422 5.1.3', 'full', suites(0xc02f, 0xc030), failure],
  ['only suites of TLS 1.3', 'RFC 5246 7.4.1.2', 'full', suites(0x1301), failure],
  [
    'compression beside none',
    'RFC 5246 7.4.1.2',
    'full',
    hello((fields) => ({ ...fields, legacyCompressionMethods: Uint8Array.of(1, 0) })),
    'end',
  ],
  [
    'compression alone',
    'RFC 5246 7.4.1.2',
    'full',
    hello((fields) => ({ ...fields, legacyCompressionMethods: Uint8Array.of(1) })),
    illegal,
  ],
  [
    'renegotiation_info of another connection',
    'RFC 5746 3.6',
    'full',
    offer({ renegotiation_info: new Uint8Array(12) }),
    failure,
  ],
  ['no renegotiation_info', 'RFC 5746 3.6', 'full', offer({ renegotiation_info: undefined }), 'end'],
  [
    'the signal in its place',
    'RFC 5746 3.6',
    'full',
    hello((fields) => ({
      ...fields,
      cipherSuites: [...fields.cipherSuites, 0x00ff],
      extensions: { ...fields.extensions, renegotiation_info: undefined },
    })),
    'end',
  ],
  [
    'only groups that the server does not have',
    'RFC 8422 5.1',
    'full',
    offer({ supported_groups: [0x18] }),
    failure,
  ],
  ['no supported_groups', 'RFC 8422 4', 'full', offer({ supported_groups: undefined }), 'end'],
  ['no uncompressed points', 'RFC 8422 5.1.2', 'full', offer({ ec_point_formats: [1] }), illegal],
  ['no ec_point_formats', 'RFC 8422 5.1.2', 'full', offer({ ec_point_formats: undefined }), 'end'],
  [
    'no signature_algorithms: SHA-1',
    'RFC 5246 7.4.1.4.1',
    'full',
    offer({ signature_algorithms: undefined }),
    failure,
  ],
  [
    'only signatures that the server cannot make',
    'RFC 5246 7.4.1.4.1',
    'full',
    offer({ signature_algorithms: [0x0403] }),
    failure,
  ],
  [
    'no common protocol',
    'RFC 7301 3.2',
    'full',
    offer({ application_layer_protocol_negotiation: ['spdy'] }),
    'no_application_protocol',
  ],
  ['no extended master secret', 'RFC 7627 5.2', 'full', offer({ extended_master_secret: undefined }), 'end'],
  [
    'no extended master secret, where it is required',
    'RFC 7627 5.3',
    'strict',
    offer({ extended_master_secret: undefined }),
    failure,
  ],
  ['unknown extensions', 'RFC 5246 7.4.1.4', 'full', offer({ others: [unknown] }), 'end'],
  ['no ticket extension', 'RFC 5077 3.2', 'full', offer({ session_ticket: undefined }), 'end'],
  [
    'key_share and psk_key_exchange_modes',
    'RFC 9846 4.3',
    'full',
    offer({ key_share: [], psk_key_exchange_modes: [1] }),
    'end',
  ],
  [
    'a hello that does not end its record',
    'RFC 5246 7.3',
    'full',
    all(without('turn'), changed('Tls12ClientHello', { joined: 'alone' })),
    unexpected,
  ],
];

export const sessions: readonly Attack<ServerSceneName>[] = [
  [
    'a ticket that nobody has issued',
    'RFC 5077 3.4',
    'full',
    offer({ session_ticket: utf8('a ticket') }),
    'end',
  ],
  [
    'a ticket with one bit changed, and nothing but Finished',
    'RFC 5077 3.4',
    'resumed',
    ticketFlipped(),
    unexpected,
  ],
  [
    'no ticket, and nothing but Finished',
    'RFC 5077 3.4',
    'resumed',
    offer({ session_ticket: noBytes }),
    unexpected,
  ],
  [
    'a session without its extended master secret',
    'RFC 7627 5.3',
    'resumed',
    offer({ extended_master_secret: undefined }),
    failure,
  ],
  ['a session without its suite', 'RFC 5246 7.4.1.2', 'resumed', suites(0xcca9), unexpected],
  [
    'a session under another name',
    'RFC 6066 3',
    'resumed',
    offer({ server_name: 'another.example' }),
    unexpected,
  ],
  ['a session under no name', 'RFC 6066 3', 'resumed', offer({ server_name: undefined }), unexpected],
  [
    'a session of strangers where clients must say who they are',
    'CVE-2025-23419',
    'foreignSession',
    without('Tls12Certificate', 'Tls12CertificateVerify'),
    unexpected,
  ],
  [
    'a session with a flight',
    'RFC 5246 7.3',
    'resumed',
    before('ccs', say({ name: 'ClientKeyExchange' })),
    unexpected,
  ],
  ['a session and no Finished', 'RFC 5246 7.4.9', 'resumed', without('Tls12Finished'), unexpected],
  [
    'a session whose secret it does not have',
    'RFC 5077 5',
    'resumed',
    changed('Tls12Finished', { under: 'unknown' }),
    'bad_record_mac',
  ],
  [
    'a session ID without a ticket',
    'RFC 5246 7.4.1.2',
    'full',
    hello((fields) => ({ ...fields, legacySessionId: new Uint8Array(32).fill(9) })),
    'end',
  ],
];

/** Nobody's: its last byte is another one. */
function ticketFlipped(): Edit {
  return hello((fields) => {
    const ticket = (fields.extensions.session_ticket ?? noBytes).slice();
    ticket[ticket.length - 1]! ^= 1;
    return { ...fields, extensions: { ...fields.extensions, session_ticket: ticket } };
  });
}
