import { describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { type ClientHelloExtensions, encodeClientHello } from '../../src/wire/hello.ts';
import { serverConfig } from '../support/engine.ts';
import { fateOf, plaintextMessage, serverOf } from '../support/handshake.ts';
import { newHello } from '../support/hello.ts';

const scans = ['every', 'filter', 'find', 'findIndex', 'includes', 'indexOf', 'some'] as const;

/** How many elements of arrays may have been looked at in search of one: a measure of time that no clock disturbs. */
function scanned(run: () => void): number {
  let total = 0;
  const prototype = Array.prototype as unknown as Record<string, unknown>;
  const originals = scans.map((name) => prototype[name] as (...values: unknown[]) => unknown);
  for (const [index, original] of originals.entries()) {
    prototype[scans[index] as string] = function (this: unknown[], ...values: unknown[]): unknown {
      total += this.length;
      return Reflect.apply(original, this, values);
    };
  }
  try {
    run();
  } finally {
    for (const [index, original] of originals.entries()) prototype[scans[index] as string] = original;
  }
  return total;
}

function codes(count: number): number[] {
  return Array.from({ length: count }, (_, index) => 0x4000 + index);
}

describe('a server works over ClientHellos in proportion to their size, not to its square', () => {
  it.each<[string, Partial<ClientHelloExtensions>]>([
    ['extensions', { others: codes(15_000).map((code) => ({ code, data: noBytes })) }],
    [
      'groups and key shares',
      {
        supported_groups: [...codes(16_000), 0x0018],
        key_share: codes(5000).map((group) => ({ group, keyExchange: Uint8Array.of(1) })),
      },
    ],
    ['signature schemes', { signature_algorithms: [...codes(30_000), 0x0807] }],
  ])('of many %s', async (_, extensions) => {
    const { hello } = newHello();
    const first = { ...hello.extensions, key_share: [], ...extensions };
    const { publicValue } = nodeCrypto.initiateKeyExchange('secp384r1');
    const second = { ...first, key_share: [{ group: 0x0018, keyExchange: publicValue }] };
    const [bytes1, bytes2] = [first, second].map((each) => encodeClientHello({ ...hello, extensions: each }));
    const server = serverOf(await serverConfig({ groups: ['secp384r1'] }));
    const work = scanned(() => {
      server.receive(plaintextMessage(bytes1 ?? noBytes));
      server.receive(plaintextMessage(bytes2 ?? noBytes));
    });
    expect(fateOf(server)).toBe('waiting');
    // Each list of at most 32 000 elements a few times; squares begin at 80 million.
    expect(work).toBeLessThan(2_000_000);
  });
});
