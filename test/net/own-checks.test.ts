import { createHash, createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { TlsCertificateError, TlsUsageError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { TrustVerdict } from '../../src/handshake/identity.ts';
import { clientConfig, serverConfig } from '../../src/net/config.ts';
import { pinSet } from '../../src/net/pins.ts';
import { type PeerCheck, type X509TrustOptions, x509Trust } from '../../src/net/trust.ts';
import { TlsStream } from '../../src/streams/tls-stream.ts';
import { memoryStreamPair } from '../../src/testing.ts';
import type { TestCertificate } from '../support/certificates.ts';
import { field } from '../support/crl.ts';
import { clientPem, rootPem, serverPem } from '../support/tls-endpoints.ts';
import { expectRefused, expectTrusted, intermediate, leaf, makeChain, now, root } from '../support/trust.ts';

beforeAll(makeChain);

const host = 'www.example.org';

function judge(
  options: Partial<X509TrustOptions>,
  peer: { readonly host?: string; readonly signal?: AbortSignal } = {},
): TrustVerdict | PromiseLike<TrustVerdict> {
  const policy = x509Trust({ ca: root.pem, purpose: 'server', ...options }, nodeCrypto);
  const chain = [leaf.der, intermediate.der];
  const { signal = new AbortController().signal } = peer;
  return policy.verify({ chain, purpose: 'server', host: peer.host ?? host, now }, { signal });
}

function pinOf({ key }: TestCertificate): Buffer {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return createHash('sha256').update(spki).digest();
}

describe('pins', () => {
  test('are satisfied by the key of the leaf, of an intermediate or of the anchor, in any form', () => {
    for (const certificate of [leaf, intermediate, root]) {
      const pin = pinOf(certificate);
      const base64 = pin.toString('base64');
      for (const form of [new Uint8Array(pin), base64, `sha256/${base64}`, `sha256//${base64}`])
        expectTrusted(judge({ pins: [new Uint8Array(32), form] }) as TrustVerdict);
    }
  });

  test('may have a slash at the beginning of their base64, in any form', () => {
    for (const first of [0, 252, 255]) {
      const bytes = new Uint8Array(32).fill(first);
      const base64 = Buffer.from(bytes).toString('base64');
      expect([...pinSet([bytes, base64, `sha256/${base64}`, `sha256//${base64}`])]).toEqual([base64]);
    }
  });

  test('are not satisfied by any other, and the error says which keys there are', () => {
    const verdict = judge({ pins: [new Uint8Array(32)] }) as TrustVerdict;
    const error = expectRefused(verdict, 'pin_mismatch', 'certificate_unknown', { position: 0 });
    expect(error.message).toContain(`sha256/${pinOf(intermediate).toString('base64')}`);
  });

  test('take no other check away', () => {
    const verdict = judge({ pins: [pinOf(leaf)] }, { host: 'other.example' }) as TrustVerdict;
    expectRefused(verdict, 'name_mismatch', 'bad_certificate');
  });

  test.each([
    [[]],
    ['x'],
    [['']],
    [[new Uint8Array(31)]],
    [[5]],
    [['sha1/AAAA']],
    [[`${'A'.repeat(43)}`]],
    [['a'.repeat(64)]],
  ])('that are none are a mistake: %j', (pins) => {
    expect(() => judge({ pins: pins as string[] })).toThrow(TlsUsageError);
    expect(() => judge({ pins: pins as string[] })).toThrow(/^pins/);
  });
});

describe('verifyPeer', () => {
  test('is told the path, and only `true` accepts', async () => {
    const seen: unknown[] = [];
    const verifyPeer: PeerCheck = (peer) => {
      seen.push(peer);
      return true;
    };
    expectTrusted(judge({ verifyPeer }) as TrustVerdict);
    const path = [leaf.der, intermediate.der, root.der];
    expect(seen).toEqual([{ path, publicKey: field(leaf, 6), purpose: 'server', host }]);
    expectTrusted((await judge({ verifyPeer: async () => true })) as TrustVerdict);
  });

  test.each([false, undefined, null, 1, 'true', {}, { trusted: true }])(
    '%j refuses, now or later',
    async (answer) => {
      for (const verifyPeer of [() => answer, async () => answer] as unknown as PeerCheck[])
        expectRefused(await judge({ verifyPeer }), 'not_acceptable', 'certificate_unknown');
    },
  );

  test('an error refuses with its reason', async () => {
    const reason = new Error('not on the list');
    const error = expectRefused(
      await judge({ verifyPeer: () => reason }),
      'not_acceptable',
      'certificate_unknown',
    );
    expect(error.message).toContain('not on the list');
    expect(error.cause).toBe(reason);
    const own = new TlsCertificateError('revoked', 'we know better');
    expect(expectRefused(await judge({ verifyPeer: () => own }), 'revoked', 'certificate_revoked')).toBe(own);
  });

  test('is not asked about a chain that is refused anyway', () => {
    const verifyPeer = (): boolean => {
      throw new Error('asked');
    };
    expectRefused(
      judge({ verifyPeer }, { host: 'other.example' }) as TrustVerdict,
      'name_mismatch',
      'bad_certificate',
    );
    expectRefused(
      judge({ verifyPeer, pins: [new Uint8Array(32)] }) as TrustVerdict,
      'pin_mismatch',
      'certificate_unknown',
    );
  });

  test('can change nothing of what was verified', () => {
    const verifyPeer: PeerCheck = ({ path }) => {
      for (const der of path) der.fill(0);
      return true;
    };
    const before = leaf.der.slice();
    expectTrusted(judge({ verifyPeer }) as TrustVerdict);
    expect(leaf.der).toEqual(before);
  });
});

test('a session is resumed only under the very same checks', () => {
  const print = (options: Partial<X509TrustOptions>): string =>
    Buffer.from(x509Trust({ ca: root.pem, purpose: 'server', ...options }, nodeCrypto).fingerprint).toString(
      'hex',
    );
  const verifyPeer = (): boolean => true;
  const prints = [{}, { pins: [pinOf(leaf)] }, { pins: [pinOf(root)] }, { verifyPeer }, { verifyPeer }].map(
    print,
  );
  expect(new Set(prints).size).toBe(5);
  const both = [pinOf(leaf), pinOf(root)];
  expect(print({ pins: both })).toBe(print({ pins: both.toReversed().map((pin) => pin.toString('base64')) }));
});

describe('in a connection', () => {
  async function connected(client: Parameters<typeof clientConfig>[0], server = {}): Promise<unknown[]> {
    const [near, far] = memoryStreamPair();
    const streams = [
      TlsStream.client(near, clientConfig({ ca: rootPem, ...client }, nodeCrypto), { host: 'localhost' }),
      TlsStream.server(far, serverConfig({ identity: serverPem, ...server }, nodeCrypto)),
    ];
    const outcomes = await Promise.allSettled(streams.map((stream) => stream.handshake()));
    // A server may have finished before it hears that it is refused.
    const heard = await Promise.allSettled(
      streams.map((stream, i) => (outcomes[i]?.status === 'rejected' ? undefined : stream.read())),
    );
    for (const stream of streams) stream.destroy();
    return [...outcomes, ...heard].flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  }

  test('a server that a client refuses by itself reads why', async () => {
    const reasons = await connected({ verifyPeer: async () => new Error('no') });
    expect(reasons).toMatchObject([
      { name: 'TlsCertificateError', check: 'not_acceptable' },
      { alert: 'certificate_unknown', direction: 'received' },
    ]);
  });

  test('and so does a client that a server refuses by itself', async () => {
    const server = { clientAuthentication: 'require', ca: rootPem, verifyPeer: () => false } as const;
    const reasons = await connected({ identity: clientPem }, server);
    expect(reasons).toMatchObject([
      { name: 'TlsCertificateError', check: 'not_acceptable' },
      { alert: 'certificate_unknown', direction: 'received' },
    ]);
  });

  test('are a mistake where they would have no effect', () => {
    const identity = serverPem;
    const verdict = () => ({ trusted: true, validUntil: now }) as const;
    for (const [name, value] of Object.entries({ pins: [pinOf(root)], verifyPeer: () => true })) {
      expect(() => serverConfig({ identity, [name]: value }, nodeCrypto)).toThrow(new RegExp(`^${name}: `));
      expect(() => clientConfig({ dangerouslyVerifyPeer: verdict, [name]: value }, nodeCrypto)).toThrow(
        `it replaces \`${name}\``,
      );
    }
    const wrong = { ca: rootPem, verifyPeer: true as unknown as PeerCheck };
    expect(() => clientConfig(wrong, nodeCrypto)).toThrow(/^verifyPeer: expected a function/);
  });
});
