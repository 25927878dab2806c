import { beforeEach, describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { certificateOf } from '../../src/handshake/authentication.ts';
import type { ClientConfig, ServerConfig } from '../../src/handshake/config.ts';
import { type ClientHello, encodeServerHello, type ServerHello } from '../../src/wire/hello.ts';
import { encodeCertificateRequest, encodeCertificateVerify } from '../../src/wire/messages.ts';
import { clientConfig, clientEndpoint, serverConfig, serverIdentity } from '../support/engine.ts';
import {
  altering,
  bothDone,
  connect,
  type Edit,
  outcomeOf,
  refusedByClient,
  serverOf,
} from '../support/handshake.ts';
import { answeringServer, helloOf, retryFor } from '../support/hello.ts';

let client: ClientConfig;
let server: ServerConfig;

/** Each test begins with a client that has a session of the server. */
beforeEach(async () => {
  client = clientConfig();
  server = await serverConfig();
  connect(clientEndpoint(client), serverOf(server));
});

function answer(changes: Partial<ServerHello>): (hello: ClientHello) => Uint8Array {
  const key_share = { group: 0x001d, keyExchange: nodeCrypto.initiateKeyExchange('x25519').publicValue };
  return (hello) =>
    encodeServerHello({
      ...retryFor(hello, {}),
      kind: 'ServerHello',
      random: new Uint8Array(32).fill(1),
      ...changes,
      extensions: { supported_versions: 0x0304, key_share, pre_shared_key: 0, ...changes.extensions },
    });
}

function refusal(changes: Partial<ServerHello>): ReturnType<typeof outcomeOf> {
  return outcomeOf(clientEndpoint(client), answeringServer(server, answer(changes)));
}

describe('a client that offers a PSK', () => {
  it('offers one, with one binder, and no early data', () => {
    const { pre_shared_key, psk_key_exchange_modes, early_data, order } = helloOf(
      clientEndpoint(client),
    ).extensions;
    expect(pre_shared_key?.identities.length).toBe(1);
    expect(pre_shared_key?.binders.map(({ length }) => length)).toEqual([32]);
    expect(psk_key_exchange_modes).toEqual([1]);
    expect(early_data).toBeUndefined();
    expect(order?.at(-1)).toBe(41);
  });

  it.each([1, 2, 65_535])('refuses the index %i, which is out of range: illegal_parameter', (index) => {
    expect(refusal({ extensions: { pre_shared_key: index } })).toEqual(refusedByClient('illegal_parameter'));
  });

  it('refuses to resume under a suite of another hash: illegal_parameter', () => {
    expect(refusal({ cipherSuite: 0x1302 })).toEqual(refusedByClient('illegal_parameter'));
  });

  it('refuses to resume without a key_share: illegal_parameter', () => {
    expect(refusal({ extensions: { key_share: undefined } })).toEqual(refusedByClient('illegal_parameter'));
  });

  it('refuses nothing in an answer that is well', () => {
    expect(refusal({}).client).toBe('waiting');
  });

  it('goes on with a full handshake where the server does not resume', async () => {
    const endpoint = clientEndpoint(client);
    const stranger = await serverConfig();
    expect(outcomeOf(endpoint, serverOf(stranger))).toEqual(bothDone);
    expect(endpoint.info.resumed).toBe(false);
    expect(endpoint.info.peerCertificates.length).toBe(1);
  });

  it('resumes under another suite of the same hash', () => {
    const endpoint = clientEndpoint(client);
    const chacha = serverOf({ ...server, cipherSuites: ['TLS_CHACHA20_POLY1305_SHA256'] });
    expect(outcomeOf(endpoint, chacha)).toEqual(bothDone);
    expect(endpoint.info).toMatchObject({ resumed: true, cipherSuite: 'TLS_CHACHA20_POLY1305_SHA256' });
  });
});

describe('in a resumed handshake a client refuses', () => {
  function refusalOf(edit: Edit): ReturnType<typeof outcomeOf> {
    return outcomeOf(clientEndpoint(client), serverOf(server, altering('finished', edit)));
  }

  const request = encodeCertificateRequest({
    context: noBytes,
    extensions: { signature_algorithms: [0x0403] },
  });

  it('a CertificateRequest: unexpected_message', () => {
    expect(refusalOf((finished) => [request, finished])).toEqual(refusedByClient('unexpected_message'));
  });

  it('a Certificate, also one with a CertificateVerify: unexpected_message', async () => {
    const certificate = certificateOf(await serverIdentity());
    const verify = encodeCertificateVerify({ algorithm: 0x0807, signature: new Uint8Array(64) });
    expect(refusalOf((finished) => [certificate, finished])).toEqual(refusedByClient('unexpected_message'));
    connect(clientEndpoint(client), serverOf(server));
    expect(refusalOf((finished) => [certificate, verify, finished])).toEqual(
      refusedByClient('unexpected_message'),
    );
  });

  it('a CertificateVerify: unexpected_message', () => {
    const verify = encodeCertificateVerify({ algorithm: 0x0807, signature: new Uint8Array(64) });
    expect(refusalOf((finished) => [verify, finished])).toEqual(refusedByClient('unexpected_message'));
  });

  it('a Finished that does not verify: decrypt_error', () => {
    const edit: Edit = (finished) => finished.map((byte, index) => (index === 10 ? byte ^ 1 : byte));
    expect(refusalOf(edit)).toEqual(refusedByClient('decrypt_error'));
  });

  it('nothing of a server that behaves', () => {
    expect(refusalOf((finished) => finished)).toEqual(bothDone);
  });
});

describe('a full handshake without a PSK', () => {
  it('needs a Certificate: Finished in its place is an unexpected_message', async () => {
    const fresh = clientEndpoint(clientConfig());
    const through = altering('certificate', () => []);
    expect(outcomeOf(fresh, serverOf(server, through))).toEqual(refusedByClient('unexpected_message'));
  });

  it('needs a CertificateVerify', () => {
    const fresh = clientEndpoint(clientConfig());
    const through = altering('certificate_verify', () => []);
    expect(outcomeOf(fresh, serverOf(server, through))).toEqual(refusedByClient('unexpected_message'));
  });
});
