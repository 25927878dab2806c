import { noBytes, utf8 } from '../../../../src/base/bytes.ts';
import { signatureSchemeCodes as schemes } from '../../../../src/wire/names.ts';
import type { Tls12ServerHello, Tls12ServerHelloExtensions } from '../../../../src/wire/tls12-messages.ts';
import { type Attack, as, changed, type Edit, extended, unknown } from '../../support/edits.ts';
import type { say } from '../../support/steps.ts';
import type { ClientSceneName } from '../scenes.ts';
import { longer } from './longer.ts';

const illegal = 'illegal_parameter';

const answer = (edit: (hello: Tls12ServerHello) => Tls12ServerHello): Edit =>
  as({ name: 'Tls12ServerHello', edit });
const answers = (changes: Partial<Tls12ServerHelloExtensions>): Edit =>
  answer(extended<Tls12ServerHelloExtensions>(changes));
const marked = (version: number): Edit =>
  answer((hello) => ({
    ...hello,
    random: Uint8Array.of(...hello.random.subarray(0, 24), ...utf8('DOWNGRD'), version),
  }));

export const hellos: readonly Attack<ClientSceneName>[] = [
  [
    'raw public keys, which were offered for TLS 1.3',
    'RFC 7250 4.2',
    'eitherKey',
    answers({ server_certificate_type: 2 }),
    'unsupported_certificate',
  ],
  ['X.509, in so many words', 'RFC 7250 4.2', 'eitherKey', answers({ server_certificate_type: 0 }), 'end'],
  ['TLS 1.1', 'RFC 5246 E.1', 'full', answer((hello) => ({ ...hello, version: 0x0302 })), 'protocol_version'],
  [
    'TLS 1.3 in the old field',
    'RFC 9846 4.3.1',
    'full',
    answer((hello) => ({ ...hello, version: 0x0304 })),
    'protocol_version',
  ],
  ['the mark of a server that speaks TLS 1.3', 'RFC 9846 4.2.3', 'full', marked(1), illegal],
  ['the mark of a server that speaks TLS 1.2', 'RFC 9846 4.2.3', 'full', marked(0), illegal],
  ['the mark of TLS 1.3, to a client of TLS 1.2', 'RFC 9846 4.2.3', 'alone', marked(1), 'end'],
  [
    'compression',
    'RFC 5246 7.4.1.3',
    'full',
    answer((hello) => ({ ...hello, compressionMethod: 1 })),
    illegal,
  ],
  [
    'a suite of TLS 1.3',
    'RFC 5246 7.4.1.3',
    'full',
    answer((hello) => ({ ...hello, cipherSuite: 0x1301 })),
    illegal,
  ],
  [
    'a suite that was not offered: CBC',
    'RFC 5246 7.4.1.3',
    'full',
    answer((hello) => ({ ...hello, cipherSuite: 0xc009 })),
    illegal,
  ],
  [
    'a suite that was not offered, though it is a good one',
    'RFC 5246 7.4.1.3',
    'alone',
    as({ name: 'Tls12ServerHello', suite: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256' }),
    illegal,
  ],
  [
    'a suite for another key',
    'RFC 8422 5.3',
    'full',
    as({ name: 'Tls12ServerHello', suite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256' }),
    illegal,
  ],
  [
    'the session ID back, where no session was offered',
    'RFC 9846 4.2.2',
    'full',
    as({ name: 'Tls12ServerHello', echo: true }),
    illegal,
  ],
  [
    'a session ID of its own',
    'RFC 5246 7.4.1.3',
    'full',
    answer((hello) => ({ ...hello, sessionId: new Uint8Array(32).fill(5) })),
    'end',
  ],
  [
    'a session ID that is too long',
    'RFC 5246 7.4.1.3',
    'full',
    answer((hello) => ({ ...hello, sessionId: new Uint8Array(33) })),
    'decode_error',
  ],
  [
    'no renegotiation_info',
    'RFC 5746 3.4',
    'full',
    answers({ renegotiation_info: undefined }),
    'handshake_failure',
  ],
  [
    'renegotiation_info of another connection',
    'RFC 5746 3.4',
    'full',
    answers({ renegotiation_info: new Uint8Array(24) }),
    'handshake_failure',
  ],
  [
    'no extended master secret, where it is required',
    'RFC 7627 5.3',
    'alone',
    answers({ extended_master_secret: undefined }),
    'handshake_failure',
  ],
  [
    'an extension that was not offered',
    'RFC 5246 7.4.1.4',
    'full',
    answers({ others: [unknown] }),
    'unsupported_extension',
  ],
  [
    'max_fragment_length',
    'RFC 5246 7.4.1.4',
    'full',
    answers({ max_fragment_length: 1 }),
    'unsupported_extension',
  ],
  [
    'status_request that was not offered',
    'RFC 5246 7.4.1.4',
    'full',
    answers({ status_request: true }),
    'unsupported_extension',
  ],
  ['no uncompressed points', 'RFC 8422 5.2', 'full', answers({ ec_point_formats: [1] }), illegal],
  [
    'a protocol that was not offered',
    'RFC 7301 3.2',
    'full',
    answers({ application_layer_protocol_negotiation: 'spdy' }),
    illegal,
  ],
];

export const sessions: readonly Attack<ClientSceneName>[] = [
  [
    'a session with another suite',
    'RFC 5246 7.4.1.3',
    'resumed',
    as({ name: 'Tls12ServerHello', suite: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384' }),
    illegal,
  ],
  [
    'a session without its extended master secret',
    'RFC 7627 5.3',
    'resumed',
    answers({ extended_master_secret: undefined }),
    'handshake_failure',
  ],
  [
    'no session, and nothing but Finished',
    'RFC 5077 3.4',
    'resumed',
    as({ name: 'Tls12ServerHello', echo: false }),
    'unexpected_message',
  ],
  [
    'another session ID, and nothing but Finished',
    'RFC 5246 7.4.1.3',
    'resumedById',
    answer((hello) => ({ ...hello, sessionId: new Uint8Array(32).fill(5) })),
    'unexpected_message',
  ],
  [
    'a resumption with a full flight',
    'RFC 5246 7.3',
    'declined',
    as({ name: 'Tls12ServerHello', echo: true }),
    'unexpected_message',
  ],
  [
    'an empty ticket',
    'RFC 5077 3.3',
    'full',
    as({ name: 'Tls12NewSessionTicket', edit: (ticket) => ({ ...ticket, ticket: noBytes }) }),
    'end',
  ],
  [
    'a ticket that is too long to be offered',
    'RFC 5077 3.3',
    'renewed',
    changed('Tls12NewSessionTicket', {
      message: {
        name: 'Tls12NewSessionTicket',
        edit: (ticket) => ({ ...ticket, ticket: new Uint8Array(20_000) }),
      },
      pieces: [10_000],
    }),
    'end',
  ],
];

const exchange = (
  rest: Omit<Parameters<typeof say>[0] & { readonly name: 'ServerKeyExchange' }, 'name'>,
): Edit => as({ name: 'ServerKeyExchange', ...rest });

export const proofs: readonly Attack<ClientSceneName>[] = [
  ...(
    [
      'Tls12ServerHello',
      'Tls12Certificate',
      'ServerKeyExchange',
      'ServerHelloDone',
      'Tls12NewSessionTicket',
      'Tls12Finished',
    ] as const
  ).map((name) => longer<ClientSceneName>(name)),
  [
    'the certificate of somebody else',
    'RFC 5246 7.4.2',
    'full',
    as({ name: 'Tls12Certificate', of: 'other' }),
    'unknown_ca',
  ],
  [
    'no certificate',
    'RFC 5246 7.4.2',
    'full',
    as({ name: 'Tls12Certificate', of: 'nobody' }),
    'decode_error',
  ],
  ['the signature of somebody else', 'RFC 8422 5.4', 'full', exchange({ of: 'other' }), 'decrypt_error'],
  [
    'a signature of another ClientHello',
    'RFC 8422 5.4',
    'full',
    exchange({ without: 'client random' }),
    'decrypt_error',
  ],
  [
    'a signature of another ServerHello',
    'RFC 8422 5.4',
    'full',
    exchange({ without: 'server random' }),
    'decrypt_error',
  ],
  [
    'a signature of another key share',
    'RFC 8422 5.4',
    'full',
    exchange({ without: 'public value' }),
    'decrypt_error',
  ],
  [
    'a signature with one bit changed',
    'RFC 8422 5.4',
    'full',
    changed('ServerKeyExchange', { flip: { at: -1, xor: 1 } }),
    'decrypt_error',
  ],
  [
    'a public value with one bit changed',
    'RFC 8422 5.4',
    'full',
    changed('ServerKeyExchange', { flip: { at: 12, xor: 1 } }),
    'decrypt_error',
  ],
  ['a group that was not offered', 'RFC 8422 5.4', 'full', exchange({ group: 0x18 }), illegal],
  ['a group that nobody knows', 'RFC 8422 5.4', 'full', exchange({ group: 0x2a2a }), illegal],
  ['a curve that is not named', 'RFC 8422 5.4', 'full', exchange({ curveType: 1 }), illegal],
  ['a public value of zeros', 'RFC 7748 6', 'full', exchange({ publicValue: new Uint8Array(32) }), illegal],
  [
    'a point that is not on the curve',
    'RFC 8422 5.11',
    'alone',
    exchange({ publicValue: new Uint8Array(65).fill(4) }),
    illegal,
  ],
  ['an empty public value', 'RFC 8422 5.4', 'full', exchange({ publicValue: noBytes }), 'decode_error'],
  [
    'a scheme of another key',
    'RFC 5246 7.4.3',
    'full',
    exchange({ algorithm: schemes.rsa_pss_rsae_sha256 }),
    illegal,
  ],
  [
    'a scheme that was not offered: SHA-1',
    'RFC 5246 7.4.1.4.1',
    'rsa',
    exchange({ algorithm: 0x0201 }),
    illegal,
  ],
  [
    'another padding than is named',
    'RFC 8422 5.4',
    'rsa',
    exchange({ algorithm: schemes.rsa_pss_rsae_sha256 }),
    'decrypt_error',
  ],
  ['a scheme that nobody knows', 'RFC 5246 7.4.1.4.1', 'full', exchange({ algorithm: 0x4a4a }), illegal],
  [
    'Finished of the client',
    'RFC 5246 7.4.9',
    'full',
    as({ name: 'Tls12Finished', side: 'client' }),
    'decrypt_error',
  ],
  [
    'Finished over nothing',
    'RFC 5246 7.4.9',
    'full',
    as({ name: 'Tls12Finished', over: 'nothing' }),
    'decrypt_error',
  ],
  [
    'Finished without the last message',
    'RFC 5246 7.4.9',
    'resumed',
    as({ name: 'Tls12Finished', over: 'allButLast' }),
    'decrypt_error',
  ],
  [
    'Finished with one bit changed',
    'RFC 5246 7.4.9',
    'full',
    changed('Tls12Finished', { flip: { at: -1, xor: 1 } }),
    'decrypt_error',
  ],
  ['a short Finished', 'RFC 5246 7.4.9', 'full', as({ name: 'Tls12Finished', length: 11 }), 'decode_error'],
  ['a long Finished', 'RFC 5246 7.4.9', 'full', as({ name: 'Tls12Finished', length: 13 }), 'decode_error'],
  ['an empty Finished', 'RFC 5246 7.4.9', 'full', as({ name: 'Tls12Finished', length: 0 }), 'decode_error'],
  [
    'a handshake that leaves a message out of Finished',
    'RFC 5246 7.4.9',
    'full',
    changed('Tls12NewSessionTicket', { unhashed: true }),
    'decrypt_error',
  ],
  [
    'Finished under keys that nobody has',
    'RFC 5246 6.2.3',
    'full',
    changed('Tls12Finished', { under: 'unknown' }),
    'bad_record_mac',
  ],
  [
    'a CertificateRequest for keys that the client has not',
    'RFC 5246 7.4.6',
    'requested',
    as({ name: 'Tls12CertificateRequest', edit: (request) => ({ ...request, certificateTypes: [1] }) }),
    'end',
  ],
  [
    'a CertificateRequest without types',
    'RFC 5246 7.4.4',
    'requested',
    as({ name: 'Tls12CertificateRequest', edit: (request) => ({ ...request, certificateTypes: [] }) }),
    'decode_error',
  ],
  [
    'a CertificateStatus of another kind',
    'RFC 6066 8',
    'stapled',
    as({ name: 'CertificateStatus', type: 2 }),
    illegal,
  ],
  [
    'a ServerHelloDone with a body',
    'RFC 5246 7.4.5',
    'full',
    changed('ServerHelloDone', { message: { name: 'Other', type: 14, body: Uint8Array.of(0) } }),
    'decode_error',
  ],
  [
    'a scheme that was not offered, though it is a good one',
    'RFC 5246 7.4.1.4.1',
    'rsa',
    exchange({ signs: schemes.rsa_pss_rsae_sha512 }),
    illegal,
  ],
  [
    'the other scheme that was offered',
    'RFC 5246 7.4.1.4.1',
    'rsa',
    exchange({ signs: schemes.rsa_pss_rsae_sha256 }),
    'end',
  ],
];
