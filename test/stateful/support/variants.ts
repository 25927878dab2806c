import { noBytes, utf8 } from '../../../src/base/bytes.ts';
import type { RawExtension } from '../../../src/wire/extensions.ts';
import type { ClientHello } from '../../../src/wire/hello.ts';
import type { Certificate } from '../../../src/wire/messages.ts';
import { namedGroupCodes, signatureSchemeCodes } from '../../../src/wire/names.ts';
import { ecKeyPair, x25519KeyPair } from '../../support/seeded-provider.ts';
import type {
  CertificateMessage,
  CertificateVerifyMessage,
  ClientHelloMessage,
  FinishedMessage,
  Message,
  ServerHelloMessage,
  Tls13Message,
} from './steps.ts';

/*
 * The ways in which each message can be another one than an honest peer's, in a field or in what it is made with: some
 * are harmless, most are not. Which is which the model says.
 */

/** An extension that nobody knows, and one of RFC 8701, which is there to be passed over. */
const unknown: RawExtension = { code: 0xff77, data: Uint8Array.of(1, 2, 3) };
const grease: RawExtension = { code: 0x2a2a, data: noBytes };
/** Where a message has no field for an extension that is well known. */
const known = (code: number, ...data: readonly number[]): RawExtension => ({
  code,
  data: Uint8Array.from(data),
});

const groups = { ...namedGroupCodes, unknown: 0x4a4a };

const serverHellos: readonly ServerHelloMessage[] = [
  { name: 'ServerHello', suite: 'TLS_AES_256_GCM_SHA384' },
  { name: 'ServerHello', suite: 'TLS_CHACHA20_POLY1305_SHA256' },
  ...Object.values(groups).map((group) => ({ name: 'ServerHello', group }) as const),
  { name: 'ServerHello', psk: 'none' },
  { name: 'ServerHello', psk: 0 },
  { name: 'ServerHello', psk: 1 },
  ...editsOf<ServerHelloMessage['edit']>([
    (hello) => ({ ...hello, legacySessionIdEcho: noBytes }),
    (hello) => ({ ...hello, legacySessionIdEcho: hello.legacySessionIdEcho.map((byte) => byte ^ 1) }),
    (hello) => ({ ...hello, legacyVersion: 0x0301 }),
    (hello) => ({ ...hello, legacyVersion: 0x0304 }),
    (hello) => ({ ...hello, legacyCompressionMethod: 1 }),
    (hello) => ({ ...hello, cipherSuite: 0xc02f }),
    (hello) => ({ ...hello, random: new Uint8Array(32) }),
    (hello) => ({ ...hello, extensions: { ...hello.extensions, supported_versions: 0x0303 } }),
    (hello) => ({ ...hello, extensions: { ...hello.extensions, supported_versions: 0x0305 } }),
    (hello) => ({ ...hello, extensions: { ...hello.extensions, supported_versions: undefined } }),
    (hello) => ({ ...hello, extensions: { ...hello.extensions, key_share: undefined } }),
    (hello) => ({ ...hello, extensions: { ...hello.extensions, others: [unknown] } }),
    (hello) => ({ ...hello, extensions: { ...hello.extensions, others: [known(44, 0, 1, 9)] } }),
    (hello) => ({ ...hello, extensions: { ...hello.extensions, others: [known(16, 0, 3, 2, 104, 50)] } }),
    (hello) => ({
      ...hello,
      extensions: {
        ...hello.extensions,
        key_share: { group: groups.x25519, keyExchange: new Uint8Array(32) },
      },
    }),
    (hello) => ({
      ...hello,
      extensions: {
        ...hello.extensions,
        key_share: { group: groups.x25519, keyExchange: new Uint8Array(31).fill(9) },
      },
    }),
  ]).map((edit) => ({ name: 'ServerHello', edit }) as const),
];

type Named<Name extends Message['name']> = Message & { readonly name: Name };

const retries: readonly Named<'HelloRetryRequest'>[] = [
  { name: 'HelloRetryRequest', suite: 'TLS_AES_256_GCM_SHA384' },
  { name: 'HelloRetryRequest', suite: 'TLS_CHACHA20_POLY1305_SHA256' },
  ...editsOf<Named<'HelloRetryRequest'>['edit']>([
    ...Object.values(groups).map(
      (key_share): NonNullable<Named<'HelloRetryRequest'>['edit']> =>
        (retry) => ({ ...retry, extensions: { ...retry.extensions, key_share } }),
    ),
    (retry) => ({ ...retry, extensions: { ...retry.extensions, key_share: undefined, cookie: undefined } }),
    (retry) => ({ ...retry, extensions: { ...retry.extensions, cookie: utf8('another cookie') } }),
    (retry) => ({ ...retry, extensions: { ...retry.extensions, supported_versions: undefined } }),
    (retry) => ({ ...retry, extensions: { ...retry.extensions, supported_versions: 0x0303 } }),
    (retry) => ({ ...retry, extensions: { ...retry.extensions, others: [unknown] } }),
    (retry) => ({ ...retry, extensions: { ...retry.extensions, others: [known(41, 0, 0)] } }),
    (retry) => ({ ...retry, legacySessionIdEcho: noBytes }),
    (retry) => ({ ...retry, legacyVersion: 0x0302 }),
    (retry) => ({ ...retry, legacyCompressionMethod: 1 }),
  ]).map((edit) => ({ name: 'HelloRetryRequest', edit }) as const),
];

const encryptedExtensions: readonly Named<'EncryptedExtensions'>[] = editsOf<
  Named<'EncryptedExtensions'>['edit']
>([
  () => ({}),
  () => ({ application_layer_protocol_negotiation: 'h2' }),
  () => ({ application_layer_protocol_negotiation: 'never offered' }),
  () => ({ server_name: true }),
  () => ({ early_data: true }),
  () => ({ max_fragment_length: 1 }),
  () => ({ record_size_limit: 64 }),
  () => ({ record_size_limit: 0x4001 }),
  () => ({ ticket_request: 3 }),
  () => ({ supported_groups: [groups.secp521r1, groups.x25519] }),
  () => ({ server_certificate_type: 0 }),
  () => ({ client_certificate_type: 2 }),
  () => ({ others: [unknown] }),
  () => ({ others: [grease] }),
  () => ({ others: [known(51, 0, 29, 0, 1, 1)] }),
  () => ({ others: [known(43, 3, 4)] }),
]).map((edit) => ({ name: 'EncryptedExtensions', edit }));

const certificateRequests: readonly Named<'CertificateRequest'>[] = editsOf<
  Named<'CertificateRequest'>['edit']
>([
  (request) => ({ ...request, context: Uint8Array.of(1) }),
  (request) => ({ ...request, extensions: {} }),
  (request) => ({ ...request, extensions: { signature_algorithms: [0x0807, 0x0403, 0x4a4a] } }),
  (request) => ({ ...request, extensions: { signature_algorithms: [0x0804] } }),
  (request) => ({ ...request, extensions: { ...request.extensions, others: [unknown] } }),
  (request) => ({ ...request, extensions: { ...request.extensions, others: [grease] } }),
  (request) => ({ ...request, extensions: { ...request.extensions, others: [known(51, 0, 0)] } }),
]).map((edit) => ({ name: 'CertificateRequest', edit }));

const withExtension =
  (extension: RawExtension) =>
  (certificate: Certificate): Certificate => ({
    ...certificate,
    entries: certificate.entries.map((entry) => ({ ...entry, extensions: { others: [extension] } })),
  });

const certificates: readonly CertificateMessage[] = (
  ['Certificate', 'CompressedCertificate'] as const
).flatMap((name) => [
  { name },
  { name, of: 'other' },
  { name, of: 'nobody' },
  { name, edit: (certificate) => ({ ...certificate, context: Uint8Array.of(1) }) },
  { name, edit: withExtension(unknown) },
  { name, edit: withExtension(known(5, 1, 0, 0, 1, 48)) },
  { name, edit: withExtension(known(0)) },
  {
    name,
    edit: ({ entries, context }) => ({
      context,
      entries: [...entries, { certificate: utf8('no certificate at all'), extensions: {} }],
    }),
  },
]);

const compressed: readonly CertificateMessage[] = [
  { name: 'CompressedCertificate', algorithm: 2 },
  { name: 'CompressedCertificate', algorithm: 99 },
  { name: 'CompressedCertificate', corrupt: true },
];

const certificateVerifies: readonly CertificateVerifyMessage[] = [
  { name: 'CertificateVerify', of: 'other' },
  { name: 'CertificateVerify', side: 'client' },
  { name: 'CertificateVerify', side: 'server' },
  { name: 'CertificateVerify', over: 'nothing' },
  { name: 'CertificateVerify', over: 'allButLast' },
  { name: 'CertificateVerify', scheme: 'rsa_pss_rsae_sha512' },
  ...(
    [
      'ecdsa_secp256r1_sha256',
      'ecdsa_secp384r1_sha384',
      'rsa_pss_rsae_sha256',
      'rsa_pkcs1_sha256',
      'ed25519',
    ] as const
  ).map((name) => ({ name: 'CertificateVerify', algorithm: signatureSchemeCodes[name] }) as const),
  { name: 'CertificateVerify', algorithm: 0x4a4a },
];

const finisheds: readonly FinishedMessage[] = [
  { name: 'Finished', side: 'client' },
  { name: 'Finished', side: 'server' },
  { name: 'Finished', over: 'nothing' },
  { name: 'Finished', over: 'allButLast' },
  { name: 'Finished', length: 0 },
  { name: 'Finished', length: 31 },
  { name: 'Finished', length: 33 },
];

const extended =
  (extensions: Partial<ClientHello['extensions']>) =>
  (hello: ClientHello): ClientHello => ({ ...hello, extensions: { ...hello.extensions, ...extensions } });

const strangeIdentity = { identity: utf8('an identity that nobody knows'), obfuscatedTicketAge: 0 };
const emptyBinder = new Uint8Array(32);

/** One share more, behind the one that there is. */
const alsoWithShareOf =
  (group: number, keyExchange: Uint8Array) =>
  (hello: ClientHello): ClientHello => {
    const shares = hello.extensions.key_share ?? [];
    if (shares.some((share) => share.group === group)) return hello;
    return extended({ key_share: [...shares, { group, keyExchange }] })(hello);
  };

const scalar = new Uint8Array(32).fill(9);

const clientHellos: readonly ClientHelloMessage[] = [
  { name: 'ClientHello', binder: 'otherKey' },
  { name: 'ClientHello', binder: 'otherHash' },
  ...editsOf<ClientHelloMessage['edit']>([
    (hello) => ({ ...hello, legacyVersion: 0x0301 }),
    (hello) => ({ ...hello, legacyVersion: 0x0304 }),
    (hello) => ({ ...hello, legacySessionId: noBytes }),
    (hello) => ({ ...hello, legacySessionId: Uint8Array.of(7) }),
    (hello) => ({ ...hello, random: new Uint8Array(32).fill(3) }),
    (hello) => ({ ...hello, cipherSuites: [0x1302] }),
    (hello) => ({ ...hello, cipherSuites: [0x1303] }),
    (hello) => ({ ...hello, cipherSuites: [0x0a0a, ...hello.cipherSuites, 0xc02f] }),
    (hello) => ({ ...hello, legacyCompressionMethods: Uint8Array.of(0, 1) }),
    (hello) => ({ ...hello, legacyCompressionMethods: Uint8Array.of(1) }),
    extended({ supported_versions: [0x0303] }),
    extended({ supported_versions: [0x7a7a, 0x0304, 0x0303] }),
    extended({ supported_versions: undefined }),
    extended({ supported_groups: undefined }),
    extended({ supported_groups: [groups.secp384r1] }),
    extended({ supported_groups: [0x2a2a, groups.secp256r1, groups.x25519] }),
    extended({ key_share: undefined }),
    extended({ key_share: [] }),
    extended({ supported_groups: undefined, key_share: undefined }),
    (hello) =>
      extended({
        key_share: [...(hello.extensions.key_share ?? []), { group: 0x2a2a, keyExchange: Uint8Array.of(0) }],
      })(hello),
    (hello) => {
      const shares = hello.extensions.key_share ?? [];
      return extended({ key_share: [...shares, ...shares] })(hello);
    },
    alsoWithShareOf(groups.x25519, x25519KeyPair(scalar).publicValue),
    alsoWithShareOf(groups.secp256r1, ecKeyPair('prime256v1', scalar).publicValue),
    extended({ key_share: [{ group: groups.x25519, keyExchange: new Uint8Array(32) }] }),
    extended({ key_share: [{ group: groups.secp256r1, keyExchange: new Uint8Array(65).fill(4) }] }),
    extended({ signature_algorithms: undefined }),
    extended({ signature_algorithms: [0x0804] }),
    extended({ signature_algorithms: [0x7a7a, 0x0807] }),
    extended({ application_layer_protocol_negotiation: ['never heard of'] }),
    extended({ application_layer_protocol_negotiation: undefined }),
    extended({ psk_key_exchange_modes: undefined }),
    extended({ psk_key_exchange_modes: [0] }),
    extended({ psk_key_exchange_modes: [0, 1, 200] }),
    extended({ early_data: true }),
    extended({ cookie: utf8('a cookie') }),
    extended({ padding: new Uint8Array(50) }),
    extended({ record_size_limit: 64 }),
    extended({ max_fragment_length: 1 }),
    extended({ post_handshake_auth: true }),
    extended({ server_name: 'another.example' }),
    extended({ server_certificate_type: [2] }),
    extended({ client_certificate_type: [2] }),
    extended({ compress_certificate: [1, 2] }),
    extended({ others: [grease, unknown] }),
    extended({ pre_shared_key: undefined }),
    extended({ pre_shared_key: { identities: [strangeIdentity], binders: [emptyBinder] } }),
    (hello) => {
      const psks = hello.extensions.pre_shared_key ?? { identities: [], binders: [] };
      const identities = [strangeIdentity, ...psks.identities];
      return extended({ pre_shared_key: { identities, binders: identities.map(() => emptyBinder) } })(hello);
    },
    (hello) => {
      const psks = hello.extensions.pre_shared_key ?? { identities: [], binders: [] };
      const identities = [...psks.identities, strangeIdentity];
      return extended({ pre_shared_key: { identities, binders: identities.map(() => emptyBinder) } })(hello);
    },
  ]).map((edit) => ({ name: 'ClientHello', edit }) as const),
];

const tickets: readonly Named<'NewSessionTicket'>[] = editsOf<Named<'NewSessionTicket'>['edit']>([
  (ticket) => ({ ...ticket, lifetime: 0 }),
  (ticket) => ({ ...ticket, lifetime: 0xffff_ffff }),
  (ticket) => ({ ...ticket, nonce: noBytes }),
  (ticket) => ({ ...ticket, extensions: { others: [unknown] } }),
  (ticket) => ({ ...ticket, extensions: { early_data: 5 } }),
  (ticket) => ({ ...ticket, ticket: new Uint8Array(20_000) }),
]).map((edit) => ({ name: 'NewSessionTicket', edit }));

/** First the one that asks for an answer, which has to wait for the application. */
const keyUpdates: readonly Message[] = [1, 0, 2, 255].map((value) => ({ name: 'KeyUpdate', value }));

const others: readonly Message[] = [
  { name: 'Echo' },
  // HelloRequest, HelloVerifyRequest, EndOfEarlyData, ServerKeyExchange, ServerHelloDone, CertificateStatus, none.
  ...[0, 3, 5, 12, 14, 16, 22, 67].map((type) => ({ name: 'Other', type, body: noBytes }) as const),
  { name: 'Other', type: 254, body: new Uint8Array(32) },
  { name: 'Other', type: 8, body: noBytes },
  { name: 'Other', type: 15, body: noBytes },
  { name: 'Other', type: 11, body: noBytes },
];

/** Every message that a side can be made to say, by its name. */
export const variants: Readonly<Record<Tls13Message['name'], readonly Message[]>> = {
  ClientHello: [{ name: 'ClientHello' }, ...clientHellos],
  ServerHello: [{ name: 'ServerHello' }, ...serverHellos],
  HelloRetryRequest: [{ name: 'HelloRetryRequest' }, ...retries],
  EncryptedExtensions: [{ name: 'EncryptedExtensions' }, ...encryptedExtensions],
  CertificateRequest: [{ name: 'CertificateRequest' }, ...certificateRequests],
  Certificate: certificates,
  CompressedCertificate: [...certificates, ...compressed],
  CertificateVerify: [{ name: 'CertificateVerify' }, ...certificateVerifies],
  Finished: [{ name: 'Finished' }, ...finisheds],
  NewSessionTicket: [{ name: 'NewSessionTicket' }, ...tickets],
  KeyUpdate: keyUpdates,
  Echo: others,
  Other: others,
};

function editsOf<Edit>(edits: readonly NonNullable<Edit>[]): readonly NonNullable<Edit>[] {
  return edits;
}
