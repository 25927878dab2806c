import { noBytes, utf8 } from '../../../src/base/bytes.ts';
import type { RawExtension } from '../../../src/wire/extensions.ts';
import type { ClientHello } from '../../../src/wire/hello.ts';
import { namedGroupCodes as groups, signatureSchemeCodes } from '../../../src/wire/names.ts';
import type { Tls12ServerHello } from '../../../src/wire/tls12-messages.ts';
import type { Table } from '../support/dice.ts';
import { unknown } from '../support/edits.ts';
import { changeCipherSpec, type Message, type RecordStep, record } from '../support/steps.ts';
import type { Tls12Message } from './messages.ts';

const grease: RawExtension = { code: 0x1a1a, data: noBytes };
const mark = (version: number): Uint8Array => Uint8Array.of(...utf8('DOWNGRD'), version);

const withMark =
  (version: number) =>
  (hello: Tls12ServerHello): Tls12ServerHello => {
    const random = hello.random.slice();
    random.set(mark(version), 24);
    return { ...hello, random };
  };

const answered =
  (extensions: Partial<Tls12ServerHello['extensions']>) =>
  (hello: Tls12ServerHello): Tls12ServerHello => ({
    ...hello,
    extensions: { ...hello.extensions, ...extensions },
  });

const offering =
  (extensions: Partial<ClientHello['extensions']>) =>
  (hello: ClientHello): ClientHello => ({ ...hello, extensions: { ...hello.extensions, ...extensions } });

type ServerEdit = (hello: Tls12ServerHello) => Tls12ServerHello;
type ClientEdit = (hello: ClientHello) => ClientHello;

const serverEdits: readonly ServerEdit[] = [
  (hello) => ({ ...hello, version: 0x0302 }),
  (hello) => ({ ...hello, version: 0x0304 }),
  (hello) => ({ ...hello, compressionMethod: 1 }),
  (hello) => ({ ...hello, cipherSuite: 0x1301 }),
  (hello) => ({ ...hello, cipherSuite: 0xc013 }),
  (hello) => ({ ...hello, cipherSuite: 0xc02f }),
  (hello) => ({ ...hello, sessionId: new Uint8Array(32).fill(5) }),
  (hello) => ({ ...hello, sessionId: Uint8Array.of(7) }),
  (hello) => ({ ...hello, sessionId: new Uint8Array(33) }),
  (hello) => ({ ...hello, random: new Uint8Array(32) }),
  withMark(1),
  withMark(0),
  answered({ renegotiation_info: undefined }),
  answered({ renegotiation_info: new Uint8Array(12) }),
  answered({ extended_master_secret: undefined }),
  answered({ extended_master_secret: true }),
  answered({ session_ticket: undefined }),
  answered({ session_ticket: true }),
  answered({ status_request: true }),
  answered({ server_name: true }),
  answered({ ec_point_formats: [0, 1] }),
  answered({ ec_point_formats: [1] }),
  answered({ max_fragment_length: 1 }),
  answered({ application_layer_protocol_negotiation: 'never heard of' }),
  answered({ application_layer_protocol_negotiation: undefined }),
  answered({ others: [unknown] }),
  answered({ others: [grease] }),
];

const clientEdits: readonly ClientEdit[] = [
  (hello) => ({ ...hello, legacyVersion: 0x0302 }),
  (hello) => ({ ...hello, legacyVersion: 0x0304 }),
  (hello) => ({ ...hello, legacySessionId: noBytes }),
  (hello) => ({ ...hello, legacySessionId: new Uint8Array(32).fill(6) }),
  (hello) => ({ ...hello, random: new Uint8Array(32).fill(3) }),
  (hello) => ({ ...hello, cipherSuites: [0xc013, 0x002f] }),
  (hello) => ({ ...hello, cipherSuites: [0x0a0a, ...hello.cipherSuites, 0x00ff] }),
  (hello) => ({ ...hello, cipherSuites: [...hello.cipherSuites, 0x5600] }),
  (hello) => ({ ...hello, cipherSuites: [0xc02b, 0xcca9] }),
  (hello) => ({ ...hello, cipherSuites: [0xc02f, 0xcca8] }),
  (hello) => ({ ...hello, legacyCompressionMethods: Uint8Array.of(1, 0) }),
  (hello) => ({ ...hello, legacyCompressionMethods: Uint8Array.of(1) }),
  offering({ supported_versions: [0x0303] }),
  offering({ supported_versions: [0x7a7a, 0x0303, 0x0302] }),
  offering({ supported_versions: [0x0302] }),
  offering({ renegotiation_info: undefined }),
  offering({ renegotiation_info: new Uint8Array(12) }),
  offering({ extended_master_secret: undefined }),
  offering({ extended_master_secret: true }),
  offering({ session_ticket: undefined }),
  offering({ session_ticket: noBytes }),
  offering({ session_ticket: utf8('a ticket that nobody knows') }),
  offering({ supported_groups: undefined }),
  offering({ supported_groups: [groups.secp384r1] }),
  offering({ supported_groups: [0x2a2a, groups.secp256r1] }),
  offering({ ec_point_formats: undefined }),
  offering({ ec_point_formats: [1] }),
  offering({ signature_algorithms: undefined }),
  offering({ signature_algorithms: [signatureSchemeCodes.ecdsa_secp256r1_sha256] }),
  offering({ server_name: undefined }),
  offering({ server_name: 'another.example' }),
  offering({ application_layer_protocol_negotiation: ['never heard of'] }),
  offering({ application_layer_protocol_negotiation: undefined }),
  offering({ padding: new Uint8Array(50) }),
  offering({ key_share: [] }),
  offering({ psk_key_exchange_modes: [1] }),
  offering({ others: [grease, unknown] }),
];

const publicValues: readonly Uint8Array[] = [
  new Uint8Array(32),
  Uint8Array.of(4, ...new Array(64).fill(4)),
  Uint8Array.of(1),
];

const wrongHashes = (['nothing', 'allButLast'] as const).map((over) => ({ over }));

/** Every message that a side can be made to say, by its name; an honest one first. */
const variants: Readonly<Record<Tls12Message['name'], readonly Message[]>> = {
  HelloRequest: [{ name: 'HelloRequest' }, { name: 'HelloRequest', body: Uint8Array.of(0) }],
  Tls12ClientHello: [
    { name: 'Tls12ClientHello' },
    ...clientEdits.map((edit) => ({ name: 'Tls12ClientHello', edit }) as const),
  ],
  Tls12ServerHello: [
    { name: 'Tls12ServerHello' },
    { name: 'Tls12ServerHello', echo: true },
    { name: 'Tls12ServerHello', echo: false },
    { name: 'Tls12ServerHello', suite: 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256' },
    { name: 'Tls12ServerHello', suite: 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384' },
    ...serverEdits.map((edit) => ({ name: 'Tls12ServerHello', edit }) as const),
  ],
  Tls12Certificate: [
    { name: 'Tls12Certificate' },
    { name: 'Tls12Certificate', of: 'other' },
    { name: 'Tls12Certificate', of: 'nobody' },
    { name: 'Tls12Certificate', edit: (chain) => [...chain, utf8('no certificate at all')] },
    { name: 'Tls12Certificate', edit: (chain) => [utf8('no certificate at all'), ...chain] },
  ],
  CertificateStatus: [{ name: 'CertificateStatus' }, { name: 'CertificateStatus', type: 2 }],
  ServerKeyExchange: [
    { name: 'ServerKeyExchange' },
    { name: 'ServerKeyExchange', of: 'other' },
    { name: 'ServerKeyExchange', group: groups.secp256r1 },
    { name: 'ServerKeyExchange', group: groups.secp384r1 },
    { name: 'ServerKeyExchange', group: 0x2a2a },
    { name: 'ServerKeyExchange', curveType: 1 },
    ...(['client random', 'server random', 'public value'] as const).map(
      (without) => ({ name: 'ServerKeyExchange', without }) as const,
    ),
    ...[0x0807, 0x0804, 0x0401, 0x0403, 0x0201, 0x4a4a].map(
      (algorithm) => ({ name: 'ServerKeyExchange', algorithm }) as const,
    ),
    ...publicValues.map((publicValue) => ({ name: 'ServerKeyExchange', publicValue }) as const),
  ],
  Tls12CertificateRequest: [
    { name: 'Tls12CertificateRequest' },
    { name: 'Tls12CertificateRequest', edit: (request) => ({ ...request, certificateTypes: [1] }) },
    { name: 'Tls12CertificateRequest', edit: (request) => ({ ...request, signatureSchemes: [0x0804] }) },
    { name: 'Tls12CertificateRequest', edit: (request) => ({ ...request, certificateTypes: [] }) },
  ],
  ServerHelloDone: [{ name: 'ServerHelloDone' }, { name: 'Other', type: 14, body: Uint8Array.of(0) }],
  ClientKeyExchange: [
    { name: 'ClientKeyExchange' },
    ...publicValues.map((publicValue) => ({ name: 'ClientKeyExchange', publicValue }) as const),
  ],
  Tls12CertificateVerify: [
    { name: 'Tls12CertificateVerify' },
    { name: 'Tls12CertificateVerify', of: 'other' },
    ...wrongHashes.map((wrong) => ({ name: 'Tls12CertificateVerify', ...wrong }) as const),
    ...[0x0807, 0x0804, 0x0401, 0x0201, 0x4a4a].map(
      (algorithm) => ({ name: 'Tls12CertificateVerify', algorithm }) as const,
    ),
  ],
  Tls12NewSessionTicket: [
    { name: 'Tls12NewSessionTicket' },
    { name: 'Tls12NewSessionTicket', edit: (ticket) => ({ ...ticket, ticket: noBytes }) },
    { name: 'Tls12NewSessionTicket', edit: (ticket) => ({ ...ticket, lifetimeHint: 0 }) },
    { name: 'Tls12NewSessionTicket', edit: (ticket) => ({ ...ticket, ticket: new Uint8Array(20_000) }) },
  ],
  Tls12Finished: [
    { name: 'Tls12Finished' },
    { name: 'Tls12Finished', side: 'client' },
    { name: 'Tls12Finished', side: 'server' },
    ...wrongHashes.map((wrong) => ({ name: 'Tls12Finished', ...wrong }) as const),
    ...[0, 11, 13, 32].map((length) => ({ name: 'Tls12Finished', length }) as const),
  ],
};

const others: readonly Message[] = [
  { name: 'Echo' },
  // HelloVerifyRequest, EndOfEarlyData, EncryptedExtensions, KeyUpdate, CompressedCertificate, NextProtocol.
  ...[3, 5, 8, 24, 25, 67].map((type) => ({ name: 'Other', type, body: noBytes }) as const),
  { name: 'Other', type: 24, body: Uint8Array.of(1) },
  { name: 'Other', type: 20, body: noBytes },
  { name: 'Other', type: 16, body: noBytes },
];

const plain = { under: 'plaintext' } as const;

/** Records that are no handshake messages, whatever they are worth. */
const records: readonly RecordStep[] = [
  changeCipherSpec(),
  changeCipherSpec(),
  changeCipherSpec(),
  changeCipherSpec(0),
  changeCipherSpec(1, 1),
  record('change_cipher_spec', [], plain),
  record('change_cipher_spec', [1]),
  record('alert', [1, 90]),
  record('alert', [1, 100]),
  record('alert', [1, 41], plain),
  record('alert', [2, 90]),
  record('alert', [2, 40]),
  record('alert', [2, 100], plain),
  record('alert', [1, 0]),
  record('alert', [2, 0]),
  record('alert', [1, 0], plain),
  record('alert', [3, 40]),
  record('alert', [1, 90, 1, 90]),
  record('alert', [2]),
  record('alert', noBytes),
  record('application_data', utf8('some data')),
  record('application_data', utf8('some data'), plain),
  record('application_data', utf8('some data'), { under: 'application' }),
  record('application_data', utf8('some data'), { under: 'unknown' }),
  record('application_data', noBytes),
  record('application_data', new Uint8Array(16_384)),
  record('application_data', new Uint8Array(16_385)),
  record('handshake', noBytes),
  record('handshake', [20]),
  record('handshake', [16, 0, 0]),
  record('handshake', [11, 0xff, 0xff, 0xff]),
];

export const tls12Table: Table = {
  messagesOf: {
    server: [
      ...([
        'HelloRequest',
        'Tls12ServerHello',
        'Tls12Certificate',
        'CertificateStatus',
        'ServerKeyExchange',
      ] as const),
      ...([
        'Tls12CertificateRequest',
        'ServerHelloDone',
        'Tls12NewSessionTicket',
        'Tls12Finished',
        'Other',
      ] as const),
    ],
    client: [
      ...(['Tls12ClientHello', 'Tls12Certificate', 'ClientKeyExchange', 'Tls12CertificateVerify'] as const),
      ...(['Tls12Finished', 'HelloRequest', 'Other'] as const),
    ],
  },
  variants: { ...variants, Echo: others, Other: others },
  records,
  protections: ['plaintext', 'application', 'unknown'],
  epochs: ['application'],
};
