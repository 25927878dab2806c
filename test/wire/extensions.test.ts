import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { decodeClientHello, decodeServerHello, encodeClientHello } from '../../src/wire/hello.ts';
import {
  decodeCertificate,
  decodeCertificateRequest,
  decodeEncryptedExtensions,
  decodeNewSessionTicket,
} from '../../src/wire/messages.ts';
import { fromHex } from '../support/hex.ts';
import { rawExtension as ext, extensionBlock, messageBodies } from '../support/messages.ts';

type Context = 'CH' | 'SH' | 'SH12' | 'HRR' | 'EE' | 'CR' | 'CT' | 'NST';

const decoders: Readonly<Record<Context, (body: Uint8Array) => unknown>> = {
  CH: decodeClientHello,
  SH: decodeServerHello,
  SH12: decodeServerHello,
  HRR: decodeServerHello,
  EE: decodeEncryptedExtensions,
  CR: decodeCertificateRequest,
  CT: decodeCertificate,
  NST: decodeNewSessionTicket,
};
const contexts = Object.keys(decoders) as Context[];

function decode(context: Context, ...extensions: readonly Uint8Array[]): unknown {
  return decoders[context](messageBodies[context](concatBytes(...extensions)));
}

/** RFC 9846 §4.3 and IANA's registry for TLS 1.2, as far as Tacit recognizes the extensions; each with data that parses where it may appear. */
const table: Readonly<
  Record<string, { code: number; where: string; data: Partial<Record<Context, string>> }>
> = {
  server_name: { code: 0, where: 'CH EE CR SH12', data: { CH: '0004 00 0001 61', EE: '', CR: '', SH12: '' } },
  max_fragment_length: { code: 1, where: 'CH EE SH12', data: { CH: '01', EE: '01', SH12: '01' } },
  status_request: {
    code: 5,
    where: 'CH CR CT SH12',
    data: { CH: '01 0000 0000', CR: '', CT: '01 000001 aa', SH12: '' },
  },
  // Servers that put it into a ServerHello are forgiven, whatever is in it.
  supported_groups: {
    code: 10,
    where: 'CH EE SH12',
    data: { CH: '0002 001d', EE: '0002 001d', SH12: '0002 001d' },
  },
  ec_point_formats: { code: 11, where: 'CH SH12', data: { CH: '01 00', SH12: '03 00 01 02' } },
  signature_algorithms: { code: 13, where: 'CH CR', data: { CH: '0002 0403', CR: '0002 0403' } },
  alpn: {
    code: 16,
    where: 'CH EE SH12',
    data: { CH: '0003 02 6832', EE: '0003 02 6832', SH12: '0003 02 6832' },
  },
  client_certificate_type: { code: 19, where: 'CH EE SH12', data: { CH: '01 00', EE: '00', SH12: '00' } },
  server_certificate_type: { code: 20, where: 'CH EE SH12', data: { CH: '01 00', EE: '00', SH12: '00' } },
  padding: { code: 21, where: 'CH', data: { CH: '0000' } },
  extended_master_secret: { code: 23, where: 'CH SH12', data: { CH: '', SH12: '' } },
  compress_certificate: { code: 27, where: 'CH CR', data: { CH: '02 0002', CR: '04 0001 0002' } },
  record_size_limit: { code: 28, where: 'CH EE SH12', data: { CH: '4000', EE: '4000', SH12: '4000' } },
  session_ticket: { code: 35, where: 'CH SH12', data: { CH: '6162', SH12: '' } },
  pre_shared_key: {
    code: 41,
    where: 'CH SH',
    data: { CH: `0007 0001 61 00000000 0021 20 ${'00'.repeat(32)}`, SH: '0000' },
  },
  early_data: { code: 42, where: 'CH EE NST', data: { CH: '', EE: '', NST: '00004000' } },
  supported_versions: { code: 43, where: 'CH SH HRR', data: { CH: '02 0304', SH: '0304', HRR: '0304' } },
  cookie: { code: 44, where: 'CH HRR', data: { CH: '0001 61', HRR: '0001 61' } },
  psk_key_exchange_modes: { code: 45, where: 'CH', data: { CH: '01 01' } },
  certificate_authorities: { code: 47, where: 'CH CR', data: { CH: '0003 0001 61', CR: '0003 0001 61' } },
  post_handshake_auth: { code: 49, where: 'CH', data: { CH: '' } },
  signature_algorithms_cert: { code: 50, where: 'CH CR', data: { CH: '0002 0403', CR: '0002 0403' } },
  key_share: { code: 51, where: 'CH SH HRR', data: { CH: '0000', SH: '001d 0001 61', HRR: '001d' } },
  ticket_request: { code: 58, where: 'CH EE', data: { CH: '0101', EE: '01' } },
  renegotiation_info: { code: 0xff01, where: 'CH SH12', data: { CH: '00', SH12: '00' } },
};
const versions: Partial<Record<Context, Uint8Array>> = {
  SH: ext(43, fromHex('0304')),
  HRR: ext(43, fromHex('0304')),
};

/** The extensions that a message cannot do without, but for `code`. */
function needed(context: Context, code: number): readonly Uint8Array[] {
  const version = versions[context];
  return version && code !== 43 ? [version] : [];
}

const rows = Object.entries(table)
  .flatMap(([name, { code, where, data }]) =>
    contexts.map((context) => ({
      name,
      code,
      context,
      data: data[context],
      allowed: where.split(' ').includes(context),
    })),
  )
  // With it, that would be no ServerHello of TLS 1.2.
  .filter(({ name, context }) => !(name === 'supported_versions' && context === 'SH12'));

/** Extensions in which any content, so one that is cut or longer too, is well formed. */
const free: ReadonlySet<string> = new Set([
  'padding CH',
  'session_ticket CH',
  'server_name CR',
  'supported_groups SH12',
]);

describe('a recognized extension', () => {
  it.each(rows.filter(({ allowed }) => allowed))('$name is parsed in $context', ({ code, context, data }) => {
    const block = ext(code, fromHex(data ?? ''));
    expect(() => decode(context, ...needed(context, code), block)).not.toThrow();
  });

  it.each(rows.filter(({ allowed }) => !allowed))(
    '$name is an illegal_parameter where it is misplaced, in $context',
    ({ code, context }) => {
      expect(() => decode(context, ...needed(context, code), ext(code, fromHex('')))).toThrow(
        expect.objectContaining({ alert: 'illegal_parameter' }),
      );
    },
  );

  it.each(rows.filter(({ allowed, name, context }) => allowed && !free.has(`${name} ${context}`)))(
    '$name with a byte behind it is a decode_error in $context',
    ({ code, context, data }) => {
      const block = ext(code, fromHex(`${data} 00`));
      expect(() => decode(context, ...needed(context, code), block)).toThrow(
        expect.objectContaining({ alert: 'decode_error' }),
      );
    },
  );

  it.each(rows.filter(({ allowed, data }) => allowed && data))(
    '$name that ends early is a decode_error in $context',
    ({ name, code, context, data }) => {
      if (free.has(`${name} ${context}`)) return;
      const block = ext(code, fromHex(data ?? '').subarray(0, -1));
      expect(() => decode(context, ...needed(context, code), block)).toThrow(
        expect.objectContaining({ alert: 'decode_error' }),
      );
    },
  );
});

describe('an extension block', () => {
  it.each(contexts)('with a duplicate is an illegal_parameter: %s', (context) => {
    const grease = ext(0x3a3a, fromHex('00'));
    expect(() => decode(context, ...needed(context, 0), grease, grease)).toThrow(
      expect.objectContaining({ alert: 'illegal_parameter' }),
    );
  });

  it.each(rows.filter(({ allowed }) => allowed))(
    'with $name twice is an illegal_parameter: $context',
    ({ code, context, data }) => {
      const block = ext(code, fromHex(data ?? ''));
      expect(() => decode(context, ...needed(context, code), block, block)).toThrow(
        expect.objectContaining({ alert: 'illegal_parameter' }),
      );
    },
  );

  it.each(contexts)('keeps what it does not know, GREASE included, in order: %s', (context) => {
    const decoded = decode(
      context,
      ext(0x3a3a, fromHex('aa')),
      ...needed(context, 0),
      ext(0xff02, fromHex('00')),
    ) as {
      extensions?: { others: unknown };
      entries?: readonly { extensions: { others: unknown } }[];
      others?: unknown;
    };
    const block = decoded.entries?.[0]?.extensions ?? decoded.extensions ?? decoded;
    expect(block.others).toEqual([
      { code: 0x3a3a, data: fromHex('aa') },
      { code: 0xff02, data: fromHex('00') },
    ]);
  });

  it.each(contexts)('whose extension runs over its end is an illegal_parameter: %s', (context) => {
    const cut = ext(0x3a3a, fromHex('aabb')).subarray(0, -1);
    expect(() => decode(context, ...needed(context, 0), cut)).toThrow(
      expect.objectContaining({ alert: 'decode_error' }),
    );
  });

  it('is written with pre_shared_key last, whatever else there is', () => {
    const hello = decodeClientHello(messageBodies.CH(new Uint8Array(0)));
    const bytes = encodeClientHello({
      ...hello,
      extensions: {
        pre_shared_key: {
          identities: [{ identity: fromHex('61'), obfuscatedTicketAge: 0 }],
          binders: [new Uint8Array(32)],
        },
        others: [{ code: 0x3a3a, data: fromHex('00') }],
        supported_versions: [0x0304],
      },
    });
    expect(decodeClientHello(bytes.subarray(4)).extensions.order).toEqual([43, 0x3a3a, 41]);
  });

  it('gives unknown types no field of their own', () => {
    const { extensions } = decodeClientHello(messageBodies.CH(extensionBlock([[0x3a3a, fromHex('00')]])));
    expect(Object.getPrototypeOf(extensions)).toBe(Object.prototype);
    expect(Object.keys(extensions).sort()).toEqual(['order', 'others']);
  });
});
