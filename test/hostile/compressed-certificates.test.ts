import { brotliCompressSync, constants, deflateSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes, noBytes } from '../../src/base/bytes.ts';
import { maxMessageSizes } from '../../src/base/limits.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CertificateCompression, CryptoProvider } from '../../src/crypto/provider.ts';
import type { Identity } from '../../src/handshake/identity.ts';
import {
  type CompressedCertificate,
  decodeCompressedCertificate,
  encodeCompressedCertificate,
} from '../../src/wire/compressed-certificate.ts';
import { type Certificate, decodeCertificate, encodeCertificate } from '../../src/wire/messages.ts';
import { handshakeTypes } from '../../src/wire/names.ts';
import {
  clientConfig,
  clientIdentity,
  type Endpoint,
  serverConfig,
  serverIdentity,
  twice,
} from '../support/engine.ts';
import {
  altering,
  alteringClient,
  alteringServer,
  bothDone,
  clientOf,
  type Edit,
  outcomeOf,
  refusedByClient,
  refusedByServer,
  serverOf,
} from '../support/handshake.ts';
import { fromHex } from '../support/hex.ts';

const sides = ['client', 'server'] as const;
type Side = (typeof sides)[number];

const names = ['zlib', 'brotli'] as const;
const longest = maxMessageSizes[handshakeTypes.certificate]!;

let own: Identity;

beforeAll(async () => {
  own = twice(await clientIdentity());
});

interface Settings {
  readonly name?: CertificateCompression;
  /** That of the side that is sent the message. */
  readonly provider?: CryptoProvider;
  readonly clientAuthentication?: 'request' | 'require';
}

/** What becomes of a handshake in which `side` sends an edited CompressedCertificate, which its transcript has too. */
async function sending(
  side: Side,
  edit: Edit,
  settings: Settings = {},
): Promise<ReturnType<typeof outcomeOf>> {
  const { name = 'zlib', provider = nodeCrypto, clientAuthentication = 'require' } = settings;
  const compressed = { certificateCompression: [name] };
  const clientSettings = { ...compressed, ...(side === 'server' ? { provider } : { identity: own }) };
  const serverSettings =
    side === 'server'
      ? compressed
      : { ...compressed, clientAuthentication, provider: sendingPlain(provider) };
  const client = clientConfig(clientSettings);
  // A chain of its own: what became of it for one test is kept.
  const server = await serverConfig({ identity: twice(await serverIdentity()), ...serverSettings });
  const type = 'compressed_certificate';
  const ends: [Endpoint, Endpoint] =
    side === 'client'
      ? [alteringClient(client, type, edit), serverOf(server)]
      : [clientOf(client), alteringServer(server, type, edit)];
  return outcomeOf(...ends);
}

/** Only one side's message is edited: the other side sends its own plain, because it does not get smaller. */
function sendingPlain(provider: CryptoProvider): CryptoProvider {
  const compress = (): Uint8Array => new Uint8Array(100_000);
  const compressors = names.map((name) => [name, { ...provider.compressors[name], compress }]);
  return { ...provider, compressors: Object.fromEntries(compressors) };
}

function refused(side: Side, alert: string): ReturnType<typeof outcomeOf> {
  return side === 'client' ? refusedByServer(alert) : refusedByClient(alert);
}

/** Edits the fields of the message. */
function fields(edit: (message: CompressedCertificate) => Partial<CompressedCertificate>): Edit {
  return (message) => {
    const parsed = decodeCompressedCertificate(message.subarray(4));
    return encodeCompressedCertificate({ ...parsed, ...edit(parsed) });
  };
}

/** Puts other bytes in place of the Certificate, compressed well. */
function inside(edit: (body: Uint8Array) => Uint8Array): Edit {
  return fields(({ compressed, uncompressedLength }) => {
    const body = edit(nodeCrypto.compressors.zlib!.decompress(compressed, uncompressedLength)!);
    return { compressed: nodeCrypto.compressors.zlib!.compress(body), uncompressedLength: body.length };
  });
}

/** Edits the Certificate that is compressed. */
function certificate(edit: (message: Certificate) => Partial<Certificate>): Edit {
  return inside((body) => {
    const parsed = decodeCertificate(body);
    return encodeCertificate({ ...parsed, ...edit(parsed) }).subarray(4);
  });
}

function brotliBomb(bits: number): Uint8Array {
  const params = { [constants.BROTLI_PARAM_LGWIN]: bits, [constants.BROTLI_PARAM_QUALITY]: 5 };
  return brotliCompressSync(new Uint8Array(1 << 26), { params });
}

describe.each(sides)('a CompressedCertificate of the %s', (side) => {
  it('arrives as it is', async () => {
    expect(await sending(side, (message) => message)).toEqual(bothDone);
  });

  it.each<[string, Edit]>([
    ['zstd', fields(() => ({ algorithm: 3 }))],
    ['none', fields(() => ({ algorithm: 0 }))],
    ['one that nobody knows', fields(() => ({ algorithm: 0x3a3a }))],
    [
      'brotli, where only zlib was',
      fields(() => ({ algorithm: 2, compressed: fromHex('0b028068656c6c6f03') })),
    ],
  ])('by an algorithm that was not offered (%s): illegal_parameter', async (_, edit) => {
    expect(await sending(side, edit)).toEqual(refused(side, 'illegal_parameter'));
  });

  it.each(names)('by %s of another length than it says: bad_certificate', async (name) => {
    for (const delta of [-1, 1, 1000]) {
      const edit = fields(({ uncompressedLength: length }) => ({ uncompressedLength: length + delta }));
      expect(await sending(side, edit, { name })).toEqual(refused(side, 'bad_certificate'));
    }
    const none = fields(() => ({ uncompressedLength: 0 }));
    expect(await sending(side, none, { name })).toEqual(refused(side, 'bad_certificate'));
  });

  it.each(names)('by %s that is cut off, or goes on: bad_certificate', async (name) => {
    for (const edit of [
      fields(({ compressed }) => ({ compressed: compressed.subarray(0, -1) })),
      fields(({ compressed }) => ({ compressed: compressed.subarray(0, 1) })),
      fields(({ compressed }) => ({ compressed: Uint8Array.of(...compressed, 0) })),
      fields(({ compressed }) => ({ compressed: concatBytes(compressed, compressed) })),
      fields(() => ({ compressed: new Uint8Array(100).fill(0xff) })),
    ]) {
      expect(await sending(side, edit, { name })).toEqual(refused(side, 'bad_certificate'));
    }
  });

  it('that announces more than a Certificate may have is refused before anything is done', async () => {
    const lengths: number[] = [];
    const zlib = nodeCrypto.compressors.zlib!;
    const decompress = (compressed: Uint8Array, length: number): Uint8Array | undefined => {
      lengths.push(length);
      return zlib.decompress(compressed, length);
    };
    const provider = { ...nodeCrypto, compressors: { zlib: { ...zlib, decompress } } };
    const announcing = (length: number): Promise<ReturnType<typeof outcomeOf>> => {
      const compressed = zlib.compress(new Uint8Array(length));
      return sending(
        side,
        fields(() => ({ uncompressedLength: length, compressed })),
        { provider },
      );
    };
    expect(await announcing(longest + 1)).toEqual(refused(side, 'bad_certificate'));
    expect(await announcing(2 ** 24 - 1)).toEqual(refused(side, 'bad_certificate'));
    expect(lengths).toEqual([]);
    // Many certificates of no bytes: the most that may come is read like any other.
    expect(await announcing(longest)).toEqual(refused(side, 'decode_error'));
    expect(lengths).toEqual([longest]);
  });

  it('that is longer itself than any that we take is a bad_certificate, too (RFC 8879 §4)', async () => {
    const edit = fields(() => ({ compressed: new Uint8Array(maxMessageSizes[25]!) }));
    expect(await sending(side, edit)).toEqual(refused(side, 'bad_certificate'));
  });

  it.each<[string, CertificateCompression, () => Uint8Array]>([
    ['zlib', 'zlib', () => new Uint8Array(deflateSync(new Uint8Array(1 << 26)))],
    ['brotli', 'brotli', () => brotliBomb(22)],
    ['brotli with a window of 16 MiB', 'brotli', () => brotliBomb(24)],
  ])('that is a bomb of 64 MiB (%s): bad_certificate', async (_, name, bomb) => {
    const compressed = bomb();
    const edit = fields(() => ({ uncompressedLength: longest, compressed }));
    expect(await sending(side, edit, { name })).toEqual(refused(side, 'bad_certificate'));
  });

  it.each<[string, string, Edit]>([
    ['a context', 'illegal_parameter', certificate(() => ({ context: fromHex('01') }))],
    [
      'an extension that was not asked for',
      'unsupported_extension',
      certificate(({ entries }) => ({
        entries: entries.map((entry) => ({
          ...entry,
          extensions: { others: [{ code: 0x3a3a, data: noBytes }] },
        })),
      })),
    ],
    [
      'an extension that has no place there',
      'illegal_parameter',
      inside((body) => withExtension(body, fromHex('001b 0003 02 0001'))),
    ],
    ['a byte behind it', 'decode_error', inside((body) => Uint8Array.of(...body, 0))],
    ['a byte less', 'decode_error', inside((body) => body.subarray(0, -1))],
    ['the header of the message', 'decode_error', inside((body) => withHeader(body))],
    ['nothing', 'decode_error', inside(() => noBytes)],
    ['another CompressedCertificate', 'decode_error', inside((body) => withHeader(withHeader(body)))],
  ])('with %s inside is refused like a Certificate: %s', async (_, alert, edit) => {
    expect(await sending(side, edit)).toEqual(refused(side, alert));
  });

  it.each<[string, Edit]>([
    ['twice', (message) => [message, message]],
    ['and a Certificate', (message) => [message, plainOf(message)]],
    ['behind a Certificate', (message) => [plainOf(message), message]],
    ['not at all', () => []],
  ])('%s: unexpected_message', async (_, edit) => {
    expect(await sending(side, edit)).toEqual(refused(side, 'unexpected_message'));
  });

  it('may come plain although it could be compressed', async () => {
    expect(await sending(side, plainOf)).toEqual(bothDone);
  });
});

describe('a CompressedCertificate that was not offered is an unexpected_message', () => {
  const compress = (message: Uint8Array): Uint8Array =>
    encodeCompressedCertificate({
      algorithm: 1,
      uncompressedLength: message.length - 4,
      compressed: nodeCrypto.compressors.zlib!.compress(message.subarray(4)),
    });

  it('by a client', async () => {
    const server = serverOf(await serverConfig(), altering('certificate', compress));
    expect(outcomeOf(clientOf(clientConfig()), server)).toEqual(refusedByClient('unexpected_message'));
  });

  it('by a server that asks for certificates, and by one that does not', async () => {
    const client = (): Endpoint =>
      clientOf(clientConfig({ identity: own }), undefined, altering('certificate', compress));
    const asking = await serverConfig({ clientAuthentication: 'require' });
    expect(outcomeOf(client(), serverOf(asking))).toEqual(refusedByServer('unexpected_message'));
    const unasked = clientOf(
      clientConfig(),
      undefined,
      altering('finished', (finished) => [
        compress(encodeCertificate({ context: noBytes, entries: [] })),
        finished,
      ]),
    );
    const config = await serverConfig({ certificateCompression: ['zlib'] });
    expect(outcomeOf(unasked, serverOf(config))).toEqual(refusedByServer('unexpected_message'));
  });
});

describe('an empty certificate, compressed', () => {
  const empty = certificate(() => ({ entries: [] }));

  it('of a server is a decode_error', async () => {
    expect(await sending('server', empty)).toEqual(refusedByClient('decode_error'));
  });

  it('of a client is none: certificate_required where it is', async () => {
    expect((await sending('client', empty)).client).toBe('received certificate_required');
    // Where it is not, the CertificateVerify behind it is one too many.
    expect(await sending('client', empty, { clientAuthentication: 'request' })).toEqual(
      refusedByServer('unexpected_message'),
    );
  });
});

function plainOf(message: Uint8Array): Uint8Array {
  const { compressed, uncompressedLength: length } = decodeCompressedCertificate(message.subarray(4));
  const body = nodeCrypto.compressors.zlib!.decompress(compressed, length)!;
  return withHeader(body);
}

function withHeader(body: Uint8Array): Uint8Array {
  const { length } = body;
  return Uint8Array.of(handshakeTypes.certificate, length >> 16, length >> 8, length, ...body);
}

/** One entry with these extensions. */
function withExtension(body: Uint8Array, extension: Uint8Array): Uint8Array {
  const [entry] = decodeCertificate(body).entries;
  const code = extension[0]! * 256 + extension[1]!;
  const others = [{ code, data: extension.subarray(4) }];
  return encodeCertificate({
    context: noBytes,
    entries: entry ? [{ ...entry, extensions: { order: [code], others } }] : [],
  }).subarray(4);
}
