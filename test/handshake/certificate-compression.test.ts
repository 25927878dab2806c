import { beforeAll, describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import { TlsUsageError } from '../../src/base/errors.ts';
import { maxCompressedPerChain } from '../../src/base/limits.ts';
import {
  type ClientSettings,
  createClientConfig,
  createServerConfig,
  type ServerSettings,
} from '../../src/connection/config.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { CertificateCompression, CryptoProvider } from '../../src/crypto/provider.ts';
import { certificateOf } from '../../src/handshake/authentication.ts';
import { compressedFor } from '../../src/handshake/certificate-compression.ts';
import type { Identity, TrustPolicy } from '../../src/handshake/identity.ts';
import type { Flight } from '../../src/handshake/steps.ts';
import {
  decodeCompressedCertificate,
  encodeCompressedCertificate,
} from '../../src/wire/compressed-certificate.ts';
import { decodeCertificateRequest, encodeCertificate } from '../../src/wire/messages.ts';
import { handshakeTypes } from '../../src/wire/names.ts';
import { rootCertificate, serverCertificate } from '../support/certificates.ts';
import {
  clientConfig,
  clientIdentity,
  type Endpoint,
  endOfTime,
  serverConfig,
  serverIdentity,
  startOfTime,
  trustAll,
  twice,
} from '../support/engine.ts';
import {
  altering,
  alteringServer,
  bothDone,
  clientOf,
  connect,
  outcome,
  outcomeOf,
  refusedByClient,
  serverOf,
} from '../support/handshake.ts';
import { clientWithHello, helloOf } from '../support/hello.ts';
import { makeOcspResponse } from '../support/ocsp.ts';

let identity: Identity;
let own: Identity;

beforeAll(async () => {
  // Copies: what was compressed for one test is none of the others'.
  identity = twice(await serverIdentity());
  own = twice(await clientIdentity());
});

const hour = 3_600_000;

function fresh({ chain, signer }: Identity): Identity {
  return { chain: [...chain], signer };
}

/** Writes down what is sent. */
function noting(sent: Uint8Array[]): (flight: Flight) => Flight {
  return (flight) => ({
    ...flight,
    send(message): void {
      sent.push(message);
      flight.send(message);
    },
  });
}

/** What both sides sent of certificates where they authenticate each other. */
async function mutual(
  client: Partial<ClientSettings>,
  server: Partial<ServerSettings>,
): Promise<{
  readonly fromClient: readonly Uint8Array[];
  readonly fromServer: readonly Uint8Array[];
  readonly ends: { readonly client: Endpoint; readonly server: Endpoint };
}> {
  const sent = { client: [] as Uint8Array[], server: [] as Uint8Array[] };
  const ends = {
    client: clientOf(clientConfig({ identity: own, ...client }), undefined, noting(sent.client)),
    server: serverOf(
      await serverConfig({ identity, clientAuthentication: 'require', ...server }),
      noting(sent.server),
    ),
  };
  expect(outcomeOf(ends.client, ends.server)).toEqual(bothDone);
  expect(ends.client.info.peerCertificates).toEqual(identity.chain);
  expect(ends.server.info.peerCertificates).toEqual(own.chain);
  const types: readonly number[] = [handshakeTypes.certificate, handshakeTypes.compressed_certificate];
  const only = (messages: readonly Uint8Array[]): Uint8Array[] =>
    messages.filter(([type = 0]) => types.includes(type));
  return { fromClient: only(sent.client), fromServer: only(sent.server), ends };
}

/** node:crypto that counts what is compressed. */
function counting(change: (compressed: Uint8Array) => Uint8Array = (compressed) => compressed): {
  readonly provider: CryptoProvider;
  readonly calls: CertificateCompression[];
} {
  const calls: CertificateCompression[] = [];
  const counted = (name: CertificateCompression): CryptoProvider['compressors'] => {
    const compressor = nodeCrypto.compressors[name];
    if (!compressor) return {};
    const compress = (bytes: Uint8Array): Uint8Array => {
      calls.push(name);
      return change(compressor.compress(bytes));
    };
    return { [name]: { ...compressor, compress } };
  };
  return { provider: { ...nodeCrypto, compressors: { ...counted('zlib'), ...counted('brotli') } }, calls };
}

describe('certificates in both directions', () => {
  it.each<[CertificateCompression, number]>([
    ['zlib', 1],
    ['brotli', 2],
  ])('go compressed by %s', async (name, code) => {
    const compressed = { certificateCompression: [name] };
    const { fromClient, fromServer } = await mutual(compressed, compressed);
    for (const [messages, from] of [
      [fromClient, own],
      [fromServer, identity],
    ] as const) {
      const [message, ...more] = messages;
      expect(more).toEqual([]);
      const plain = certificateOf(from);
      if (!message) throw new Error('no certificate was sent');
      expect(message[0]).toBe(handshakeTypes.compressed_certificate);
      expect(message.length).toBeLessThan(plain.length);
      const {
        algorithm,
        uncompressedLength,
        compressed: bytes,
      } = decodeCompressedCertificate(message.subarray(4));
      expect([algorithm, uncompressedLength]).toEqual([code, plain.length - 4]);
      expect(nodeCrypto.compressors[name]?.decompress(bytes, uncompressedLength)).toEqual(plain.subarray(4));
    }
  });

  it.each<[string, readonly CertificateCompression[], readonly CertificateCompression[], number[], number[]]>(
    [
      ['both have both: the sender prefers', ['brotli', 'zlib'], ['zlib', 'brotli'], [2], [1]],
      ['what both have', ['zlib'], ['brotli', 'zlib'], [1], [1]],
      ['nothing in common', ['zlib'], ['brotli'], [], []],
      ['the client has none', [], ['brotli', 'zlib'], [], []],
      ['the server has none', ['brotli', 'zlib'], [], [], []],
    ],
  )('%s', async (_, client, server, byClient, byServer) => {
    const { fromClient, fromServer } = await mutual(
      { certificateCompression: client },
      { certificateCompression: server },
    );
    const algorithms = (messages: readonly Uint8Array[]): number[] =>
      messages
        .filter(([type]) => type === handshakeTypes.compressed_certificate)
        .map((message) => decodeCompressedCertificate(message.subarray(4)).algorithm);
    expect([fromClient.length, fromServer.length]).toEqual([1, 1]);
    expect(algorithms(fromClient)).toEqual(byClient);
    expect(algorithms(fromServer)).toEqual(byServer);
  });

  it('are offered to be taken compressed by ClientHello and CertificateRequest', async () => {
    const offers: (readonly number[] | undefined)[] = [];
    const config = await serverConfig({ clientAuthentication: 'request', certificateCompression: ['zlib'] });
    const server = serverOf(
      config,
      altering('certificate_request', (message) => {
        offers.push(decodeCertificateRequest(message.subarray(4)).extensions.compress_certificate);
        return message;
      }),
    );
    const client = clientOf(clientConfig({ certificateCompression: ['zlib', 'brotli'] }));
    expect(helloOf(client).extensions.compress_certificate).toEqual([1, 2]);
    expect(outcomeOf(client, server)).toEqual(bothDone);
    expect(offers).toEqual([[1]]);
  });

  it('a server passes over algorithms that nobody knows, and zstd', async () => {
    const sent: Uint8Array[] = [];
    const client = clientWithHello(clientConfig({ certificateCompression: ['zlib'] }), (hello) => ({
      ...hello,
      extensions: { ...hello.extensions, compress_certificate: [3, 0x3a3a, 0, 1] },
    }));
    const server = serverOf(await serverConfig({ certificateCompression: ['brotli', 'zlib'] }), noting(sent));
    expect(outcomeOf(client, server)).toEqual(bothDone);
    const message = sent.find(([type]) => type === handshakeTypes.compressed_certificate);
    expect(message && decodeCompressedCertificate(message.subarray(4)).algorithm).toBe(1);
  });

  it('behind a HelloRetryRequest; and none when the session is resumed', async () => {
    const compressed = { certificateCompression: ['brotli'] } as const;
    const retried = await mutual({ ...compressed, keyShares: [] }, compressed);
    expect(retried.ends.client.info.helloRetryRequest).toBe(true);
    expect(retried.fromServer[0]?.[0]).toBe(handshakeTypes.compressed_certificate);

    const settings = clientConfig(compressed);
    const sent: Uint8Array[] = [];
    const config = await serverConfig({ ...compressed, identity });
    connect(clientOf(settings), serverOf(config));
    const again = connect(clientOf(settings), serverOf(config, noting(sent)));
    expect(again.client.info.resumed).toBe(true);
    expect(helloOf(again.client).extensions.compress_certificate).toEqual([2]);
    expect(sent.map(([type]) => type)).toEqual([2, 8, 20]);
    expect(outcome(again)).toEqual(bothDone);
  });
});

describe('a certificate that does not get smaller', () => {
  it('goes plain, and is tried once', async () => {
    const { provider, calls } = counting((compressed) =>
      Uint8Array.of(...compressed, ...new Uint8Array(certificateOf(identity).length)),
    );
    const server = await serverConfig({
      provider,
      identity: fresh(identity),
      certificateCompression: ['zlib'],
    });
    for (let i = 0; i < 3; i++) {
      const sent: Uint8Array[] = [];
      const client = clientOf(clientConfig({ certificateCompression: ['zlib'], sessions: false }));
      expect(outcomeOf(client, serverOf(server, noting(sent)))).toEqual(bothDone);
      expect(sent.map(([type]) => type)).toEqual([2, 8, 11, 15, 20]);
    }
    expect(calls).toEqual(['zlib']);
  });

  it('by a single byte less goes compressed, of the same size it does not', () => {
    const certificate = certificateOf(identity);
    const sized = (size: number): Uint8Array => {
      const { provider } = counting(() => new Uint8Array(size - 12));
      const config = { provider, certificateCompression: ['zlib'] } as const;
      return compressedFor(config, [1], fresh(identity), certificate);
    };
    expect(sized(certificate.length)).toBe(certificate);
    const smaller = sized(certificate.length - 1);
    expect(smaller.length).toBe(certificate.length - 1);
    expect(smaller[0]).toBe(handshakeTypes.compressed_certificate);
  });

  it('as that of a client that has none', async () => {
    const sent: Uint8Array[] = [];
    const client = clientOf(clientConfig({ certificateCompression: ['zlib'] }), undefined, noting(sent));
    const config = await serverConfig({ clientAuthentication: 'request', certificateCompression: ['zlib'] });
    expect(outcomeOf(client, serverOf(config))).toEqual(bothDone);
    expect(sent[1]).toEqual(encodeCertificate({ context: noBytes, entries: [] }));
  });
});

describe('a certificate is compressed once', () => {
  it('for all connections with its chain, by each algorithm', async () => {
    const { provider, calls } = counting();
    const { chain, signer } = fresh(identity);
    const server = await serverConfig({
      provider,
      identity: () => ({ chain, signer }),
      certificateCompression: ['zlib', 'brotli'],
    });
    for (const name of ['brotli', 'brotli', 'zlib', 'brotli', 'zlib'] as const) {
      const client = clientOf(clientConfig({ certificateCompression: [name], sessions: false }));
      expect(outcomeOf(client, serverOf(server))).toEqual(bothDone);
    }
    expect(calls).toEqual(['brotli', 'zlib']);
  });

  it('but again where the message changes, and the last ones are kept', () => {
    const { provider, calls } = counting();
    const config = { provider, certificateCompression: ['zlib'] } as const;
    const from = fresh(identity);
    const message = (id: number): Uint8Array =>
      encodeCertificate({
        context: noBytes,
        entries: [{ certificate: new Uint8Array(100).fill(id), extensions: {} }],
      });
    const send = (id: number): Uint8Array => compressedFor(config, [1], from, message(id));
    expect(send(1)).toBe(send(1));
    expect(send(2)).not.toEqual(send(1));
    expect(calls).toHaveLength(2);
    for (let id = 1; id <= maxCompressedPerChain; id++) send(id);
    for (let id = 1; id <= maxCompressedPerChain; id++) send(id);
    expect(calls).toHaveLength(maxCompressedPerChain);
    send(maxCompressedPerChain + 1);
    send(1);
    expect(calls).toHaveLength(maxCompressedPerChain + 2);
    const opened = decodeCompressedCertificate(send(3).subarray(4));
    expect(nodeCrypto.compressors.zlib?.decompress(opened.compressed, opened.uncompressedLength)).toEqual(
      message(3).subarray(4),
    );
  });

  it('also with a stapled response in it, and again with the next one', async () => {
    const { provider, calls } = counting();
    const root = await rootCertificate();
    const leaf = await serverCertificate(root);
    const response = (age: number): Uint8Array =>
      makeOcspResponse(leaf, root, {
        thisUpdate: new Date(startOfTime - age),
        nextUpdate: new Date(startOfTime + hour),
      });
    const [old, next] = [response(2 * hour), response(hour)];
    let stapled = old;
    const server = await serverConfig({
      provider,
      identity: { chain: [leaf.der], signer: nodeSigner(leaf.key), ocspResponse: () => stapled },
      certificateCompression: ['zlib'],
    });
    const heard: unknown[] = [];
    const connectOnce = (requestsOcspResponses: boolean): void => {
      const verify: TrustPolicy['verify'] = (peer) => {
        heard.push(peer.ocspResponses?.[0]);
        return { trusted: true, validUntil: endOfTime };
      };
      const trust = { ...trustAll, requestsOcspResponses, verify };
      const client = clientConfig({ trust, certificateCompression: ['zlib'], sessions: false });
      expect(outcomeOf(clientOf(client), serverOf(server))).toEqual(bothDone);
    };
    for (const requests of [true, false, true, false]) connectOnce(requests);
    expect(calls).toHaveLength(2);
    stapled = next;
    for (const requests of [true, false, true]) connectOnce(requests);
    expect(calls).toHaveLength(3);
    expect(heard).toEqual([old, undefined, old, undefined, next, undefined, next]);
  });

  it('for each chain on its own', () => {
    const { provider, calls } = counting();
    const config = { provider, certificateCompression: ['zlib'] } as const;
    for (const from of [fresh(identity), fresh(identity)])
      compressedFor(config, [1], from, certificateOf(from));
    expect(calls).toHaveLength(2);
  });
});

describe('the transcript has the message as it was sent (RFC 8879 §4)', () => {
  const compressed = { certificateCompression: ['zlib'] } as const;
  /** The same Certificate in another message: stored, not deflated. */
  const restored = (message: Uint8Array): Uint8Array => {
    const {
      algorithm,
      uncompressedLength,
      compressed: bytes,
    } = decodeCompressedCertificate(message.subarray(4));
    const body = nodeCrypto.compressors.zlib?.decompress(bytes, uncompressedLength) ?? noBytes;
    const checksum = bytes.subarray(-4);
    const length = body.length;
    const block = Uint8Array.of(1, length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff);
    const stream = Uint8Array.of(0x78, 0x01, ...block, ...body, ...checksum);
    return encodeCompressedCertificate({ algorithm, uncompressedLength, compressed: stream });
  };

  it('so that another message with the same Certificate in it does not verify', async () => {
    const config = await serverConfig({ ...compressed, identity });
    const altered = serverOf(config, altering('compressed_certificate', restored));
    expect(outcomeOf(clientOf(clientConfig(compressed)), altered)).toEqual(refusedByClient('decrypt_error'));
  });

  it('and does where the sender meant it', async () => {
    const config = await serverConfig({ ...compressed, identity });
    const server = alteringServer(config, 'compressed_certificate', restored);
    expect(outcomeOf(clientOf(clientConfig(compressed)), server)).toEqual(bothDone);
  });
});

describe('certificateCompression', () => {
  const client = { provider: nodeCrypto, trust: trustAll };

  it('is brotli and zlib by default, where the provider has them', async () => {
    expect(createClientConfig(client).certificateCompression).toEqual(['brotli', 'zlib']);
    const server = { provider: nodeCrypto, identity };
    expect(createServerConfig(server).certificateCompression).toEqual(['brotli', 'zlib']);
    const { zlib } = nodeCrypto.compressors;
    const withZlib = { ...nodeCrypto, compressors: zlib ? { zlib } : {} };
    expect(createClientConfig({ ...client, provider: withZlib }).certificateCompression).toEqual(['zlib']);
    const without = createClientConfig({ ...client, provider: { ...nodeCrypto, compressors: {} } });
    expect(without.certificateCompression).toEqual([]);
    expect(helloOf(clientOf(without)).extensions.order).not.toContain(27);
  });

  it('is switched off by an empty list', () => {
    expect(helloOf(clientOf(clientConfig())).extensions.order).not.toContain(27);
  });

  it.each<[string, unknown, RegExp]>([
    ['unknown', ['zlib', 'zstd'], /certificateCompression has 'zstd'; known are zlib, brotli/],
    ['twice', ['zlib', 'zlib'], /certificateCompression has a name twice/],
    ['no list', 'brotli', /certificateCompression: expected an array of names, got string/],
    ['inherited', ['toString'], /certificateCompression has 'toString'/],
  ])('refuses a name that is %s', (_, certificateCompression, message) => {
    const settings = { ...client, certificateCompression } as ClientSettings;
    expect(() => createClientConfig(settings)).toThrow(TlsUsageError);
    expect(() => createClientConfig(settings)).toThrow(message);
  });

  it('refuses what the provider does not have', () => {
    const provider = { ...nodeCrypto, compressors: {} };
    expect(() => createClientConfig({ ...client, provider, certificateCompression: ['zlib'] })).toThrow(
      /certificateCompression has 'zlib': the provider cannot do it/,
    );
  });
});
