import { noBytes, utf8 } from '../../../src/base/bytes.ts';
import type { ClientHelloExtensions } from '../../../src/wire/hello.ts';
import {
  type Attack,
  after,
  all,
  as,
  changed,
  type Edit,
  extended,
  instead,
  unknown,
  without,
} from '../support/edits.ts';
import type { ServerSceneName } from '../support/scenes.ts';
import { type ClientHelloMessage, record, say } from '../support/steps.ts';

const unexpected = 'unexpected_message';
const illegal = 'illegal_parameter';

const hello = (edit: NonNullable<ClientHelloMessage['edit']>): Edit => as({ name: 'ClientHello', edit });
const second = (edit: NonNullable<ClientHelloMessage['edit']>): Edit =>
  instead('second ClientHello', say({ name: 'ClientHello', edit }));
const offer = (changes: Partial<ClientHelloExtensions>): Edit =>
  hello(extended<ClientHelloExtensions>(changes));
const offerThen = (changes: Partial<ClientHelloExtensions>): Edit =>
  second(extended<ClientHelloExtensions>(changes));

/** 0-RTT data that fills a record. */
const early = record('application_data', new Uint8Array(16_000), { under: 'unknown' });
const stranger = {
  identities: [{ identity: utf8('a stranger'), obfuscatedTicketAge: 0 }],
  binders: [new Uint8Array(32)],
};

export const hellos: readonly Attack<ServerSceneName>[] = [
  ['no TLS 1.3', '4.3.1', 'full', offer({ supported_versions: [0x0303] }), 'protocol_version'],
  ['no supported_versions', '4.3.1', 'full', offer({ supported_versions: undefined }), 'protocol_version'],
  [
    'legacy_version 0x0301',
    '4.2.2',
    'full',
    hello((fields) => ({ ...fields, legacyVersion: 0x0301 })),
    'protocol_version',
  ],
  [
    'compression',
    '4.2.2',
    'full',
    hello((fields) => ({ ...fields, legacyCompressionMethods: Uint8Array.of(0, 1) })),
    illegal,
  ],
  [
    'only suites that the server does not have',
    '4.2.1',
    'full',
    hello((fields) => ({ ...fields, cipherSuites: [0x1303] })),
    'handshake_failure',
  ],
  [
    'only groups that the server does not have',
    '4.2.1',
    'full',
    offer({ supported_groups: [0x18], key_share: [] }),
    'handshake_failure',
  ],
  [
    'only signatures that the server cannot make',
    '4.2.1',
    'full',
    offer({ signature_algorithms: [0x0804] }),
    'handshake_failure',
  ],
  ['no signature_algorithms', '9.2', 'full', offer({ signature_algorithms: undefined }), 'missing_extension'],
  ['no supported_groups', '9.2', 'full', offer({ supported_groups: undefined }), 'missing_extension'],
  ['no key_share', '9.2', 'full', offer({ key_share: undefined }), 'missing_extension'],
  ['a share of a group that is not offered', '4.3.8', 'full', offer({ supported_groups: [0x17] }), illegal],
  [
    'a share of zeros',
    '7.4.2',
    'full',
    offer({ key_share: [{ group: 0x1d, keyExchange: new Uint8Array(32) }] }),
    illegal,
  ],
  [
    'a point that is not on the curve',
    '4.3.8.2',
    'full',
    offer({ key_share: [{ group: 0x17, keyExchange: new Uint8Array(65).fill(4) }] }),
    illegal,
  ],
  [
    'two shares of one group',
    '4.3.8',
    'full',
    hello((fields) =>
      extended<ClientHelloExtensions>({
        key_share: [...(fields.extensions.key_share ?? []), ...(fields.extensions.key_share ?? [])],
      })(fields),
    ),
    illegal,
  ],
  [
    'no common protocol',
    'RFC 7301 3.2',
    'full',
    offer({ application_layer_protocol_negotiation: ['spdy'] }),
    'no_application_protocol',
  ],
  [
    'only raw public keys',
    'RFC 7250 4.2',
    'full',
    offer({ server_certificate_type: [2] }),
    'unsupported_certificate',
  ],
  [
    'no raw certificates of its own',
    'RFC 7250 4.2',
    'required',
    offer({ client_certificate_type: [2] }),
    'unsupported_certificate',
  ],
  ['a cookie', '4.3.2', 'full', offer({ cookie: utf8('a cookie') }), 'end'],
  ['unknown extensions', '4.3', 'full', offer({ others: [unknown] }), 'end'],
  ['no session ID', 'E.4', 'full', hello((fields) => ({ ...fields, legacySessionId: noBytes })), 'end'],
  ['post_handshake_auth', '4.3.6', 'full', offer({ post_handshake_auth: true }), 'end'],
];

export const seconds: readonly Attack<ServerSceneName>[] = [
  ['the first one again', '4.2.2', 'retry', all(without('ccs'), instead('turn')), illegal],
  ['without the share that was asked for', '4.3.8', 'retry', offerThen({ key_share: [] }), illegal],
  [
    'with a share of another group',
    '4.3.8',
    'retry',
    offerThen({ key_share: [{ group: 0x1d, keyExchange: new Uint8Array(32).fill(9) }] }),
    illegal,
  ],
  [
    'with another share beside it',
    '4.3.8',
    'retry',
    second((fields) =>
      extended<ClientHelloExtensions>({
        key_share: [
          ...(fields.extensions.key_share ?? []),
          { group: 0x1d, keyExchange: new Uint8Array(32).fill(9) },
        ],
      })(fields),
    ),
    illegal,
  ],
  [
    'with another random',
    '4.2.2',
    'retry',
    second((fields) => ({ ...fields, random: new Uint8Array(32) })),
    illegal,
  ],
  [
    'with another session ID',
    '4.2.2',
    'retry',
    second((fields) => ({ ...fields, legacySessionId: new Uint8Array(32) })),
    illegal,
  ],
  [
    'with other suites',
    '4.2.2',
    'retry',
    second((fields) => ({ ...fields, cipherSuites: [0x1302] })),
    illegal,
  ],
  [
    'with other signature_algorithms',
    '4.2.2',
    'retry',
    offerThen({ signature_algorithms: [0x0807] }),
    illegal,
  ],
  ['with another server_name', '4.2.2', 'retry', offerThen({ server_name: 'another.example' }), illegal],
  [
    'with another protocol',
    '4.2.2',
    'retry',
    offerThen({ application_layer_protocol_negotiation: ['http/1.1', 'h2'] }),
    illegal,
  ],
  ['with one extension more', '4.2.2', 'retry', offerThen({ others: [unknown] }), illegal],
  ['with one extension less', '4.2.2', 'retry', offerThen({ server_name: undefined }), illegal],
  ['with a cookie that was not given', '4.2.2', 'retry', offerThen({ cookie: utf8('a cookie') }), illegal],
  ['with early_data', '4.2.2', 'earlyDataRetry', offerThen({ early_data: true }), illegal],
  ['with padding', '4.2.2', 'retry', offerThen({ padding: new Uint8Array(9) }), 'end'],
  ['without its PSK', '4.2.2', 'resumedRetry', offerThen({ pre_shared_key: undefined }), 'end'],
  [
    'with a PSK that the first did not have',
    '4.2.2',
    'retry',
    offerThen({ pre_shared_key: stranger }),
    illegal,
  ],
  [
    'with a binder that does not cover the first',
    '4.3.11.2',
    'resumedRetry',
    changed('ClientHello', { unhashed: true }),
    'decrypt_error',
  ],
];

const otherBinder = changed('ClientHello', { message: { name: 'ClientHello', binder: 'otherKey' } });

export const sessions: readonly Attack<ServerSceneName>[] = [
  ['a binder of another key', '4.3.11.2', 'resumed', otherBinder, 'decrypt_error'],
  [
    'a binder of another hash',
    '4.3.11.2',
    'resumed',
    as({ name: 'ClientHello', binder: 'otherHash' }),
    'decrypt_error',
  ],
  [
    'a binder with one bit changed',
    '4.3.11.2',
    'resumed',
    changed('ClientHello', { flip: { at: -1, xor: 1 } }),
    'decrypt_error',
  ],
  [
    'a binder that is not of this ClientHello',
    '4.3.11.2',
    'resumed',
    changed('ClientHello', { flip: { at: 10, xor: 1 } }),
    'decrypt_error',
  ],
  [
    'a binder of another key, for the session of a client that is known',
    '4.3.11.2',
    'clientSession',
    otherBinder,
    'decrypt_error',
  ],
  [
    'a binder of another key in the second ClientHello',
    '4.3.11.2',
    'resumedRetry',
    instead('second ClientHello', say({ name: 'ClientHello', binder: 'otherKey' })),
    'decrypt_error',
  ],
  ['a PSK that is not last', '4.3.11', 'resumed', offer({ order: [41, 43, 10, 13, 45, 51] }), illegal],
  [
    'a PSK without psk_key_exchange_modes',
    '4.3.9',
    'resumed',
    offer({ psk_key_exchange_modes: undefined }),
    'missing_extension',
  ],
  ['a PSK for use without a key exchange', '4.3.9', 'resumed', offer({ psk_key_exchange_modes: [0] }), 'end'],
  [
    'a PSK of another hash than the suite has',
    '4.3.11',
    'resumed',
    hello((fields) => ({ ...fields, cipherSuites: [0x1302] })),
    'end',
  ],
  ['a PSK that nobody knows', '4.3.11', 'full', offer({ pre_shared_key: stranger }), 'end'],
  [
    'a PSK that nobody knows, and no signature_algorithms',
    '9.2',
    'full',
    offer({ pre_shared_key: stranger, signature_algorithms: undefined }),
    'missing_extension',
  ],
  [
    'a session of strangers where clients must say who they are',
    '4.3.11',
    'foreignSession',
    without('CertificateVerify'),
    unexpected,
  ],
  ['0-RTT data without end', '4.3.10', 'earlyData', after('ClientHello', early, early), unexpected],
  [
    '0-RTT data without end around a HelloRetryRequest',
    '4.3.10',
    'earlyDataRetry',
    after('ClientHello', early, early),
    unexpected,
  ],
  [
    '0-RTT data that was not offered',
    '4.3.10',
    'resumed',
    after('ClientHello', record('application_data', [1], { under: 'unknown' })),
    'bad_record_mac',
  ],
  [
    '0-RTT data behind the first record that decrypts',
    '4.3.10',
    'earlyData',
    after('Finished', record('application_data', [1], { under: 'unknown' })),
    'bad_record_mac',
  ],
  [
    '0-RTT data behind the second ClientHello',
    '4.3.10',
    'earlyDataRetry',
    after('second ClientHello', record('application_data', [1], { under: 'unknown' })),
    'bad_record_mac',
  ],
  ['early_data without a PSK', '4.3.10', 'full', offer({ early_data: true }), 'end'],
];
