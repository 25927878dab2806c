import { describe, expect, it } from 'vitest';
import { concatBytes, noBytes } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider, NamedGroup } from '../../src/crypto/provider.ts';
import type { Identity } from '../../src/handshake/identity.ts';
import {
  decodeServerKeyExchange,
  encodeClientKeyExchange,
  encodeServerKeyExchange,
  encodeServerParams,
} from '../../src/wire/tls12-messages.ts';
import {
  clientConfig,
  clientIdentity,
  type Endpoint,
  serverConfig,
  serverIdentity,
} from '../support/engine.ts';
import {
  alteringClient,
  alteringServer,
  bothDone,
  clientOf,
  outcomeOf,
  refusedByClient,
  refusedByServer,
  serverOf,
} from '../support/handshake.ts';
import { fromHex } from '../support/hex.ts';

const tls12 = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;

/** Shows another public value than its own, properly signed. */
function showing(publicValue: Uint8Array): CryptoProvider {
  const initiateKeyExchange: CryptoProvider['initiateKeyExchange'] = (group) => ({
    group,
    publicValue,
    // Nothing else fails before the peer refuses it.
    finish: () => new Uint8Array(32).fill(1),
  });
  return { ...nodeCrypto, initiateKeyExchange };
}

/** A server that signs and sends other ServerECDHParams than its own: who signs them is trusted. */
async function serverWithParams(edit: (params: Uint8Array) => Uint8Array): Promise<Endpoint> {
  const own = await serverIdentity();
  const identity: Identity = {
    ...own,
    signer: {
      schemes: own.signer.schemes,
      sign: (scheme, content, context) =>
        own.signer.sign(scheme, concatBytes(content.subarray(0, 64), edit(content.subarray(64))), context),
    },
  };
  return alteringServer(await serverConfig({ ...tls12, identity }), 'server_key_exchange', (message) => {
    const parsed = decodeServerKeyExchange(message.subarray(4));
    return encodeServerKeyExchange({ ...parsed, params: edit(parsed.params) });
  });
}

const p256 = nodeCrypto.initiateKeyExchange('secp256r1').publicValue;
const offCurve = p256.map((byte, index) => (index === 40 ? byte ^ 1 : byte));

const badValues: readonly (readonly [string, NamedGroup, Uint8Array])[] = [
  ['all zeros', 'x25519', new Uint8Array(32)],
  ['of order 1', 'x25519', fromHex(`01${'00'.repeat(31)}`)],
  ['of order 8', 'x25519', fromHex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800')],
  ['the prime', 'x25519', fromHex(`ed${'ff'.repeat(30)}7f`)],
  ['of 31 bytes', 'x25519', new Uint8Array(31).fill(9)],
  ['of 33 bytes', 'x25519', new Uint8Array(33).fill(9)],
  ['of 255 bytes', 'x25519', new Uint8Array(255).fill(9)],
  ['a point of another curve', 'x25519', p256],
  ['off the curve', 'secp256r1', offCurve],
  ['the point at infinity', 'secp256r1', Uint8Array.of(0)],
  ['zeros', 'secp256r1', concatBytes(Uint8Array.of(4), new Uint8Array(64))],
  ['beyond the prime', 'secp256r1', concatBytes(Uint8Array.of(4), new Uint8Array(64).fill(255))],
  ['compressed', 'secp256r1', concatBytes(Uint8Array.of(2 + (p256[64]! & 1)), p256.subarray(1, 33))],
  ['hybrid', 'secp256r1', concatBytes(Uint8Array.of(6 + (p256[64]! & 1)), p256.subarray(1))],
  ['a byte too long', 'secp256r1', concatBytes(p256, Uint8Array.of(0))],
  ['a byte too short', 'secp256r1', p256.subarray(0, -1)],
  ['of X25519', 'secp256r1', new Uint8Array(32).fill(9)],
];

describe('a public value that is none: illegal_parameter', () => {
  it.each(badValues)('%s, on %s, of the server', async (_, group, value) => {
    const server = serverOf(await serverConfig({ ...tls12, groups: [group], provider: showing(value) }));
    const client = clientOf(clientConfig({ ...tls12, groups: [group] }));
    expect(outcomeOf(client, server)).toEqual(refusedByClient('illegal_parameter'));
    // What it would have been the key of was not even begun.
    expect(client.writes).toHaveLength(2);
  });

  it.each(badValues)('%s, on %s, of the client', async (_, group, value) => {
    const server = serverOf(await serverConfig({ ...tls12, groups: [group] }));
    const client = clientOf(clientConfig({ ...tls12, groups: [group], provider: showing(value) }));
    expect(outcomeOf(client, server)).toEqual(refusedByServer('illegal_parameter'));
  });

  it('an empty one: decode_error', async () => {
    const server = serverOf(await serverConfig(tls12));
    const client = alteringClient(clientConfig(tls12), 'client_key_exchange', () =>
      encodeClientKeyExchange(noBytes),
    );
    expect(outcomeOf(client, server)).toEqual(refusedByServer('decode_error'));
    const signed = await serverWithParams((params) => concatBytes(params.subarray(0, 3), Uint8Array.of(0)));
    expect(outcomeOf(clientOf(clientConfig(tls12)), signed)).toEqual(refusedByClient('decode_error'));
  });
});

describe('the parameters of the server, properly signed,', () => {
  it('may come as they are', async () => {
    const server = await serverWithParams((params) => params);
    expect(outcomeOf(clientOf(clientConfig(tls12)), server)).toEqual(bothDone);
  });

  // explicit_prime and explicit_char2 of RFC 4492 §5.4, and types that nobody knows.
  it.each([0, 1, 2, 4, 248, 255])('with a curve of type %i: illegal_parameter', async (type) => {
    const server = await serverWithParams((params) => Uint8Array.of(type, ...params.subarray(1)));
    const refused = refusedByClient('illegal_parameter');
    expect(outcomeOf(clientOf(clientConfig(tls12)), server)).toEqual(refused);
  });

  it('with a whole explicit curve: illegal_parameter, from its first byte', async () => {
    // A prime, a curve of two coefficients, a base point, order and cofactor, and the public value (CVE-2020-0601's kin).
    const parts = [33, 32, 32, 65, 32, 1, 65].map((length) =>
      Uint8Array.of(length, ...new Uint8Array(length)),
    );
    const server = await serverWithParams(() => concatBytes(Uint8Array.of(1), ...parts));
    const refused = refusedByClient('illegal_parameter');
    expect(outcomeOf(clientOf(clientConfig(tls12)), server)).toEqual(refused);
  });

  it.each([
    ['that was not offered', 0x0018],
    ['that we do not have (secp224r1)', 0x0015],
    ['for post-quantum hybrids alone', 0x11ec],
    ['of finite fields', 0x0100],
    ['arbitrary_explicit_prime_curves', 0xff01],
    ['GREASE', 0x0a0a],
    ['none', 0],
  ])('with a group %s: illegal_parameter', async (_, group) => {
    const server = await serverWithParams((params) => encodeServerParams(group, params.subarray(4)));
    const client = clientOf(clientConfig({ ...tls12, groups: ['x25519', 'secp256r1'] }));
    expect(outcomeOf(client, server)).toEqual(refusedByClient('illegal_parameter'));
  });

  it('of another handshake: decrypt_error', async () => {
    let old: Uint8Array | undefined;
    const replaying = async (): Promise<Endpoint> =>
      alteringServer(await serverConfig(tls12), 'server_key_exchange', (message) => {
        old ??= message.slice();
        return old;
      });
    expect(outcomeOf(clientOf(clientConfig(tls12)), await replaying())).toEqual(bothDone);
    const refused = refusedByClient('decrypt_error');
    expect(outcomeOf(clientOf(clientConfig(tls12)), await replaying())).toEqual(refused);
  });

  it('exchanged on the way for one’s own: decrypt_error, and no key is made', async () => {
    const own = encodeServerParams(0x001d, nodeCrypto.initiateKeyExchange('x25519').publicValue);
    const server = alteringServer(await serverConfig(tls12), 'server_key_exchange', (message) =>
      encodeServerKeyExchange({ ...decodeServerKeyExchange(message.subarray(4)), params: own }),
    );
    const exchanged: NamedGroup[] = [];
    const initiateKeyExchange: CryptoProvider['initiateKeyExchange'] = (group) => {
      exchanged.push(group);
      return nodeCrypto.initiateKeyExchange(group);
    };
    const client = clientOf(clientConfig({ ...tls12, provider: { ...nodeCrypto, initiateKeyExchange } }));
    expect(outcomeOf(client, server)).toEqual(refusedByClient('decrypt_error'));
    expect(exchanged).toEqual([]);
  });
});

it('a public value exchanged on the way to the server: the two sides have other keys', async () => {
  const own = encodeClientKeyExchange(nodeCrypto.initiateKeyExchange('x25519').publicValue);
  // Its transcript has what it meant to send.
  const identity = await clientIdentity();
  const server = serverOf(await serverConfig({ ...tls12, clientAuthentication: 'require' }));
  const client = clientOf(clientConfig({ ...tls12, identity }), undefined, (flight) => ({
    ...flight,
    send: (message) => flight.send(message[0] === 16 ? own : message),
  }));
  expect(outcomeOf(client, server)).toEqual(refusedByServer('decrypt_error'));
  const anonymous = clientOf(clientConfig(tls12), undefined, (flight) => ({
    ...flight,
    send: (message) => flight.send(message[0] === 16 ? own : message),
  }));
  expect(outcomeOf(anonymous, serverOf(await serverConfig(tls12)))).toEqual(
    refusedByServer('bad_record_mac'),
  );
});
