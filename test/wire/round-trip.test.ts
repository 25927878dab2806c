import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeCompressedCertificate,
  encodeCompressedCertificate,
} from '../../src/wire/compressed-certificate.ts';
import { extensionTypes } from '../../src/wire/extension-types.ts';
import type { ExtensionBlock } from '../../src/wire/extensions.ts';
import {
  decodeClientHello,
  decodeServerHello,
  encodeClientHello,
  encodeServerHello,
} from '../../src/wire/hello.ts';
import {
  type CertificateEntryExtensions,
  decodeCertificate,
  decodeCertificateRequest,
  decodeCertificateVerify,
  decodeEncryptedExtensions,
  decodeFinished,
  decodeKeyUpdate,
  decodeNewSessionTicket,
  encodeCertificate,
  encodeCertificateRequest,
  encodeCertificateVerify,
  encodeEncryptedExtensions,
  encodeFinished,
  encodeKeyUpdate,
  encodeNewSessionTicket,
} from '../../src/wire/messages.ts';
import { fromHex } from '../support/hex.ts';

const runs = { seed: 20261123, numRuns: 200 };

const uint8 = fc.nat(0xff);
const uint16 = fc.nat(0xffff);
const uint32 = fc.nat(0xffffffff);
const codes = fc.array(uint16, { minLength: 1, maxLength: 40 });
const flag = fc.constant(true as const);

function bytes(minLength: number, maxLength: number = minLength + 60): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength, maxLength });
}

/** Text of characters from `first` to `last`. */
function text(first: number, last: number, maxLength: number): fc.Arbitrary<string> {
  return fc
    .array(fc.integer({ min: first, max: last }), { minLength: 1, maxLength })
    .map((characters) => String.fromCharCode(...characters));
}

const knownCodes = new Set<number>(Object.values(extensionTypes).map(({ code }) => code));
const unknownExtensions = fc.uniqueArray(
  fc.record({ code: uint16.filter((code) => !knownCodes.has(code)), data: bytes(0) }),
  { selector: ({ code }) => code, maxLength: 5 },
);

type Codec<Block> = {
  readonly [Name in Exclude<keyof Block, keyof ExtensionBlock>]-?: fc.Arbitrary<NonNullable<Block[Name]>>;
};

/** A block with any of these extensions and unknown ones, in any order, but pre_shared_key last in a ClientHello. */
function blockOf<Block extends ExtensionBlock>(
  fields: Codec<Block>,
  isClientHello = false,
): fc.Arbitrary<Block> {
  return fc
    .tuple(
      fc.record(fields as Record<string, fc.Arbitrary<unknown>>, { requiredKeys: [] }),
      unknownExtensions,
    )
    .chain(([known, others]) => {
      const names = Object.keys(known) as (keyof typeof extensionTypes)[];
      const all = [...names.map((name) => extensionTypes[name].code), ...others.map(({ code }) => code)];
      const last = isClientHello && 'pre_shared_key' in known ? [extensionTypes.pre_shared_key.code] : [];
      const free = all.filter((code) => !last.includes(code as 41));
      return fc.shuffledSubarray(free, { minLength: free.length }).map((order) => {
        const inOrder = order.flatMap((code) => others.find((other) => other.code === code) ?? []);
        return { ...known, order: [...order, ...last], others: inOrder } as unknown as Block;
      });
    });
}

type Extensions<Decode extends (body: Uint8Array) => { extensions: unknown }> =
  ReturnType<Decode>['extensions'];

const keyShare = fc.record({ group: uint16, keyExchange: bytes(1) });
const psks = fc
  .array(fc.record({ identity: bytes(1), obfuscatedTicketAge: uint32, binder: bytes(32, 255) }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((list) => ({
    identities: list.map(({ identity, obfuscatedTicketAge }) => ({ identity, obfuscatedTicketAge })),
    binders: list.map(({ binder }) => binder),
  }));

const statusRequest = fc.oneof(
  fc.record({ statusType: fc.constant(1), request: fc.constant(fromHex('0006000401020304 0003aabbcc')) }),
  fc.record({ statusType: fc.integer({ min: 2, max: 255 }), request: bytes(0) }),
);

const clientHello = fc.record({
  legacyVersion: uint16,
  random: bytes(32, 32),
  legacySessionId: bytes(0, 32),
  cipherSuites: codes,
  legacyCompressionMethods: bytes(1),
  extensions: blockOf<Extensions<typeof decodeClientHello>>(
    {
      server_name: text(0x21, 0x7e, 255),
      max_fragment_length: uint8,
      status_request: statusRequest,
      supported_groups: codes,
      signature_algorithms: codes,
      signature_algorithms_cert: codes,
      application_layer_protocol_negotiation: fc.array(text(0, 0xff, 255), { minLength: 1, maxLength: 5 }),
      client_certificate_type: fc.array(uint8, { minLength: 1, maxLength: 4 }),
      server_certificate_type: fc.array(uint8, { minLength: 1, maxLength: 4 }),
      padding: bytes(0),
      compress_certificate: codes,
      record_size_limit: fc.integer({ min: 64, max: 0xffff }),
      supported_versions: codes,
      cookie: bytes(1),
      psk_key_exchange_modes: fc.array(uint8, { minLength: 1, maxLength: 5 }),
      certificate_authorities: fc.array(bytes(1), { minLength: 1, maxLength: 3 }),
      post_handshake_auth: flag,
      key_share: fc.array(keyShare, { maxLength: 4 }),
      ticket_request: fc.record({ newSessionCount: uint8, resumptionCount: uint8 }),
      early_data: flag,
      ec_point_formats: fc.array(uint8, { minLength: 1, maxLength: 4 }),
      extended_master_secret: flag,
      renegotiation_info: bytes(0, 255),
      session_ticket: bytes(0),
      pre_shared_key: psks,
    },
    true,
  ),
});

const helloFields = {
  legacyVersion: uint16,
  legacySessionIdEcho: bytes(0, 32),
  cipherSuite: uint16,
  legacyCompressionMethod: uint8,
};

/** Every generated block has supported_versions: without it the message is of another version. */
function withVersion<Hello extends { readonly extensions: ExtensionBlock }>(hello: Hello): Hello {
  const code = extensionTypes.supported_versions.code;
  const { order = [] } = hello.extensions;
  if (order.includes(code)) return hello;
  return {
    ...hello,
    extensions: { ...hello.extensions, order: [code, ...order], supported_versions: 0x0304 },
  };
}

const serverHello = fc
  .record({
    kind: fc.constant('ServerHello' as const),
    ...helloFields,
    random: bytes(32, 32),
    extensions: blockOf({ supported_versions: uint16, key_share: keyShare, pre_shared_key: uint16 }),
  })
  .map(withVersion);

const helloRetryRequest = fc
  .record({
    kind: fc.constant('HelloRetryRequest' as const),
    ...helloFields,
    extensions: blockOf({ supported_versions: uint16, key_share: uint16, cookie: bytes(1) }),
  })
  .map(withVersion);

const messages: Readonly<
  Record<
    string,
    readonly [fc.Arbitrary<unknown>, (value: never) => Uint8Array, (body: Uint8Array) => unknown]
  >
> = {
  ClientHello: [clientHello, encodeClientHello, decodeClientHello],
  ServerHello: [serverHello, encodeServerHello, decodeServerHello],
  HelloRetryRequest: [helloRetryRequest, encodeServerHello, decodeServerHello],
  EncryptedExtensions: [
    blockOf<ReturnType<typeof decodeEncryptedExtensions>>({
      server_name: flag,
      max_fragment_length: uint8,
      supported_groups: codes,
      application_layer_protocol_negotiation: text(0, 0xff, 255),
      client_certificate_type: uint8,
      server_certificate_type: uint8,
      record_size_limit: fc.integer({ min: 64, max: 0xffff }),
      ticket_request: uint8,
      early_data: flag,
    }),
    encodeEncryptedExtensions,
    decodeEncryptedExtensions,
  ],
  CertificateRequest: [
    fc.record({
      context: bytes(0, 255),
      extensions: blockOf<Extensions<typeof decodeCertificateRequest>>({
        status_request: flag,
        signature_algorithms: codes,
        signature_algorithms_cert: codes,
        certificate_authorities: fc.array(bytes(1), { minLength: 1, maxLength: 3 }),
        compress_certificate: codes,
      }),
    }),
    encodeCertificateRequest,
    decodeCertificateRequest,
  ],
  Certificate: [
    fc.record({
      context: bytes(0, 255),
      entries: fc.array(
        fc.record({
          certificate: bytes(1, 600),
          extensions: blockOf<CertificateEntryExtensions>({ status_request: bytes(1, 600) }),
        }),
        { maxLength: 4 },
      ),
    }),
    encodeCertificate,
    decodeCertificate,
  ],
  CompressedCertificate: [
    fc.record({
      algorithm: uint16,
      uncompressedLength: fc.nat(0xffffff),
      compressed: bytes(1, 600),
    }),
    encodeCompressedCertificate,
    decodeCompressedCertificate,
  ],
  CertificateVerify: [
    fc.record({ algorithm: uint16, signature: bytes(0, 600) }),
    encodeCertificateVerify,
    decodeCertificateVerify,
  ],
  Finished: [bytes(48, 48), encodeFinished, (body) => decodeFinished(body, 48)],
  NewSessionTicket: [
    fc.record({
      lifetime: uint32,
      ageAdd: uint32,
      nonce: bytes(0, 255),
      ticket: bytes(1, 600),
      extensions: blockOf<Extensions<typeof decodeNewSessionTicket>>({ early_data: uint32 }),
    }),
    encodeNewSessionTicket,
    decodeNewSessionTicket,
  ],
  KeyUpdate: [fc.boolean(), encodeKeyUpdate, decodeKeyUpdate],
};

describe('any message decodes to what it was made of, and encodes back to the same bytes', () => {
  it.each(Object.entries(messages))('%s', (_, [arbitrary, encode, decode]) => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const encoded = encode(value as never);
        const decoded = decode(encoded.subarray(4));
        expect(decoded).toEqual(value);
        expect(encode(decoded as never)).toEqual(encoded);
      }),
      runs,
    );
  });
});

describe('cut anywhere, a message is a TlsPeerError or another whole message, never another exception', () => {
  it.each(Object.entries(messages))('%s', (_, [arbitrary, encode, decode]) => {
    fc.assert(
      fc.property(arbitrary, fc.nat(), (value, at) => {
        const body = encode(value as never).subarray(4);
        const cut = body.subarray(0, at % Math.max(body.length, 1));
        try {
          decode(cut);
        } catch (error) {
          expect(error).toMatchObject({ name: 'TlsPeerError', direction: 'sent' });
        }
      }),
      runs,
    );
  });
});
