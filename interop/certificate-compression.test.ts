// Compressed certificates (RFC 8879) to and from rustls, which is built with them; the Debian builds of the other peers
// cannot. The other tests go through it by the defaults of both sides; these look at who compresses what.

import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest';
import { nodeCrypto } from '../src/crypto/node/provider.ts';
import type { CertificateCompression, Compressor } from '../src/crypto/provider.ts';
import { driverClient, driverServer } from './support/driver.ts';
import { expectExchange } from './support/expectations.ts';
import { missing, rustlsProgram } from './support/peers.ts';
import { certificates } from './support/run.ts';
import { connectTo, type Exchange, identity, roots, serveTo } from './support/tacit.ts';

const why = missing('rustls');
const names = ['brotli', 'zlib'] as const;

interface Calls {
  readonly compress: MockInstance<Compressor['compress']>;
  readonly decompress: MockInstance<Compressor['decompress']>;
}

let calls: Readonly<Record<CertificateCompression, Calls>>;

beforeEach(() => {
  const watch = (name: CertificateCompression): Calls => {
    const compressor = nodeCrypto.compressors[name]!;
    return { compress: vi.spyOn(compressor, 'compress'), decompress: vi.spyOn(compressor, 'decompress') };
  };
  calls = { brotli: watch('brotli'), zlib: watch('zlib') };
});

afterEach(() => vi.restoreAllMocks());

/** Both sides authenticate, full handshakes only: `compressed` by us and by rustls, each by so many connections. */
function expectCalls(
  exchange: Exchange,
  counts: Readonly<Record<CertificateCompression, readonly number[]>>,
): void {
  expectExchange(exchange);
  expect(exchange.tacit[0]!.info.peerCertificates.length).toBeGreaterThan(0);
  for (const name of names) {
    const { compress, decompress } = calls[name];
    expect([name, compress.mock.calls.length, decompress.mock.calls.length]).toEqual([name, ...counts[name]]);
    for (const [index, [, length]] of decompress.mock.calls.entries()) {
      expect(decompress.mock.results[index]?.value).toHaveLength(length);
    }
  }
}

const none = { brotli: [0, 0], zlib: [0, 0] };

describe.skipIf(why !== undefined)(`Tacit to rustls${why ? ` (${why})` : ''}`, () => {
  const server = driverServer(rustlsProgram);
  const connect = (certificateCompression?: readonly CertificateCompression[]): Promise<Exchange> =>
    connectTo(
      server,
      { clientRoots: certificates.roots },
      { identity: identity(certificates.client()), certificateCompression },
    );

  test.each(names)('%s, both ways', async (name) => {
    expectCalls(await connect([name]), { ...none, [name]: [1, 1] });
  });

  test('by default', async () => {
    expectCalls(await connect(), { ...none, brotli: [1, 1] });
  });

  test('switched off', async () => {
    expectCalls(await connect([]), none);
  });
});

describe.skipIf(why !== undefined)(`rustls to Tacit${why ? ` (${why})` : ''}`, () => {
  const client = driverClient(rustlsProgram);
  const serve = (
    certificateCompression?: readonly CertificateCompression[],
    connections = 1,
  ): Promise<Exchange> =>
    serveTo(
      client,
      { identity: certificates.client(), connections },
      { clientAuthentication: 'require', ca: roots(), certificateCompression, tickets: { count: 0 } },
    );

  test.each(names)('%s, both ways', async (name) => {
    expectCalls(await serve([name]), { ...none, [name]: [1, 1] });
  });

  test('by default, three connections: compressed once', async () => {
    const exchange = await serve(undefined, 3);
    expect(exchange.tacit).toHaveLength(3);
    expect(exchange.failure).toBeUndefined();
    expect(calls.brotli.compress).toHaveBeenCalledTimes(1);
    expect(calls.brotli.decompress).toHaveBeenCalledTimes(3);
    expect(calls.zlib.compress).not.toHaveBeenCalled();
  });

  test('switched off', async () => {
    expectCalls(await serve([]), none);
  });
});
