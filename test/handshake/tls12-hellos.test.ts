import { beforeAll, describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import type { ClientSettings } from '../../src/connection/config.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { ServerConfig } from '../../src/handshake/config.ts';
import type { Identity } from '../../src/handshake/identity.ts';
import {
  type ClientHello,
  type ClientHelloExtensions,
  decodeServerHello,
  encodeClientHello,
} from '../../src/wire/hello.ts';
import type { Tls12ServerHello, Tls12ServerHelloExtensions } from '../../src/wire/tls12-messages.ts';
import { clientConfig, type Endpoint, serverConfig } from '../support/engine.ts';
import {
  altering,
  alteringServer,
  bothDone,
  clientOf,
  fateOf,
  outcomeOf,
  plaintextMessage,
  plaintextRefusal,
  refusedByClient,
  serverOf,
} from '../support/handshake.ts';
import { clientWithHello, newHello } from '../support/hello.ts';
import { fromHex } from '../support/hex.ts';
import { ed25519Key, spkiOf } from '../support/public-keys.ts';
import { editedServerHello, plaintextMessagesOf, tls12Only } from '../support/tls12.ts';

let server: ServerConfig;

beforeAll(async () => {
  server = await serverConfig({ ...tls12Only, alpnProtocols: ['h2'] });
});

function serverHelloOf(endpoint: Endpoint): Tls12ServerHello {
  const [message = noBytes] = plaintextMessagesOf(endpoint);
  const hello = decodeServerHello(message.subarray(4));
  if (hello.kind !== 'Tls12ServerHello') throw new Error(`the server sent a ${hello.kind}`);
  return hello;
}

describe('a server’s answer to a ClientHello of TLS 1.2', () => {
  type Edit = (hello: ClientHello) => ClientHello;

  /** What our server makes of a client that goes on as if it had sent all of it itself: both fates, and the ServerHello. */
  function answerTo(
    edit: Edit,
    client: Partial<ClientSettings> = {},
    config: ServerConfig = server,
  ): { readonly fate: ReturnType<typeof outcomeOf>; readonly hello: Tls12ServerHello } {
    const endpoint = serverOf(config);
    const fate = outcomeOf(clientWithHello(clientConfig({ ...tls12Only, ...client }), edit), endpoint);
    return { fate, hello: serverHelloOf(endpoint) };
  }

  /** The alert, in the clear. */
  function refusal(edit: Edit, config: ServerConfig = server): string {
    const endpoint = serverOf(config);
    const { hello } = newHello(clientConfig(tls12Only));
    return plaintextRefusal(endpoint, endpoint.receive(plaintextMessage(encodeClientHello(edit(hello)))));
  }

  const extended =
    (extensions: Partial<ClientHelloExtensions>): Edit =>
    (hello) => ({ ...hello, extensions: { ...hello.extensions, ...extensions } });
  const same: Edit = (hello) => hello;

  it('has an answer to each extension that wants one, and to no other', () => {
    const { fate, hello } = answerTo(same, { alpnProtocols: ['h2'] });
    expect(fate).toEqual(bothDone);
    expect(hello).toMatchObject({
      version: 0x0303,
      sessionId: noBytes,
      cipherSuite: 0xc02b,
      compressionMethod: 0,
    });
    const { order, others, ...extensions } = hello.extensions;
    expect(extensions).toEqual({
      renegotiation_info: noBytes,
      server_name: true,
      ec_point_formats: [0],
      session_ticket: true,
      application_layer_protocol_negotiation: 'h2',
      extended_master_secret: true,
      record_size_limit: 16_384,
    });
  });

  it('has no extension that the client has not', () => {
    const { fate, hello } = answerTo(
      extended({
        server_name: undefined,
        ec_point_formats: undefined,
        session_ticket: undefined,
        extended_master_secret: undefined,
        record_size_limit: undefined,
        signature_algorithms_cert: undefined,
      }),
    );
    expect(fate).toEqual(bothDone);
    expect(hello.extensions.order).toEqual([0xff01]);
  });

  it('takes a client without supported_groups for one that takes any (RFC 8422 §4)', () => {
    expect(answerTo(extended({ supported_groups: undefined })).fate).toEqual(bothDone);
  });

  it('takes the signal among cipher suites for an empty renegotiation_info (RFC 5746 §3.6)', () => {
    const signal: Edit = (hello) => ({
      ...extended({ renegotiation_info: undefined })(hello),
      cipherSuites: [0xc02b, 0x00ff],
    });
    const endpoint = serverOf(server);
    endpoint.receive(plaintextMessage(encodeClientHello(signal(newHello(clientConfig(tls12Only)).hello))));
    expect(serverHelloOf(endpoint).extensions.renegotiation_info).toEqual(noBytes);
  });

  it('tells a client that knows nothing of renegotiation_info nothing of it', () => {
    const endpoint = serverOf(server);
    const hello = extended({ renegotiation_info: undefined })(newHello(clientConfig(tls12Only)).hello);
    endpoint.receive(plaintextMessage(encodeClientHello(hello)));
    expect(serverHelloOf(endpoint).extensions.renegotiation_info).toBeUndefined();
  });

  it('takes compression that is offered beside none, as old clients do', () => {
    expect(answerTo((hello) => ({ ...hello, legacyCompressionMethods: fromHex('0100') })).fate).toEqual(
      bothDone,
    );
  });

  it('takes what it does not know: suites, groups, schemes, point formats, extensions', () => {
    const { fate } = answerTo((hello) =>
      extended({
        supported_groups: [0x0a0a, 0x001e, 0x001d],
        signature_algorithms: [0x0a0a, 0x0201, 0x0807],
        ec_point_formats: [1, 0, 2],
        others: [{ code: 0x3374, data: noBytes }],
      })({ ...hello, cipherSuites: [0x0a0a, 0x002f, 0xc02b] }),
    );
    expect(fate).toEqual(bothDone);
  });

  it.each<[string, Edit, string]>([
    [
      'no way without compression',
      (hello) => ({ ...hello, legacyCompressionMethods: fromHex('01') }),
      'illegal_parameter',
    ],
    [
      'a renegotiation that nothing goes before',
      extended({ renegotiation_info: new Uint8Array(12) }),
      'handshake_failure',
    ],
    ['no uncompressed points', extended({ ec_point_formats: [1, 2] }), 'illegal_parameter'],
    [
      'no suite of ours',
      (hello) => ({ ...hello, cipherSuites: [0x002f, 0xc013, 0x009c, 0x00ff] }),
      'handshake_failure',
    ],
    [
      'suites of TLS 1.3 alone',
      (hello) => ({ ...hello, cipherSuites: [0x1301, 0x1302] }),
      'handshake_failure',
    ],
    ['no group of ours', extended({ supported_groups: [0x001e, 0x0a0a] }), 'handshake_failure'],
    // SHA-1 is what that stands for (RFC 5246 §7.4.1.4.1).
    ['no signature_algorithms', extended({ signature_algorithms: undefined }), 'handshake_failure'],
    ['SHA-1 alone', extended({ signature_algorithms: [0x0203, 0x0201] }), 'handshake_failure'],
  ])('refuses %s', (_name, edit, alert) => {
    expect(refusal(edit)).toBe(alert);
  });

  it('refuses a client without extended master secret where that is required, and takes it else', async () => {
    const without = extended({ extended_master_secret: undefined });
    const strict = await serverConfig({ ...tls12Only, requireExtendedMasterSecret: true });
    expect(refusal(without, strict)).toBe('handshake_failure');
    expect(answerTo(same, {}, strict).fate).toEqual(bothDone);
    const endpoint = serverOf(server);
    const client = clientWithHello(clientConfig(tls12Only), without);
    expect(outcomeOf(client, endpoint)).toEqual(bothDone);
    expect([client.info.extendedMasterSecret, endpoint.info.extendedMasterSecret]).toEqual([false, false]);
  });

  it('never takes a message behind the ClientHello in its record: unexpected_message', () => {
    const endpoint = serverOf(server);
    const hello = encodeClientHello(newHello(clientConfig(tls12Only)).hello);
    const turn = endpoint.receive(plaintextMessage(Uint8Array.of(...hello, 16, 0, 0, 0)));
    expect(plaintextRefusal(endpoint, turn)).toBe('unexpected_message');
  });
});

describe('a client’s check of a ServerHello of TLS 1.2', () => {
  /** What our client makes of a server that says and hashes another ServerHello. */
  function answeredBy(
    edit: (hello: Tls12ServerHello) => Tls12ServerHello,
    settings: Partial<ClientSettings> = tls12Only,
  ): ReturnType<typeof outcomeOf> {
    const endpoint = alteringServer(server, 'server_hello', (message) => editedServerHello(message, edit));
    return outcomeOf(clientOf(clientConfig(settings)), endpoint);
  }

  const extended =
    (extensions: Partial<Tls12ServerHelloExtensions>) =>
    (hello: Tls12ServerHello): Tls12ServerHello => ({
      ...hello,
      extensions: { ...hello.extensions, ...extensions },
    });

  it('takes one without the extensions that need not be there', () => {
    const bare = extended({
      server_name: undefined,
      ec_point_formats: undefined,
      record_size_limit: undefined,
    });
    expect(answeredBy(bare)).toEqual(bothDone);
    expect(answeredBy(bare, {})).toEqual(bothDone);
  });

  it('takes a session ID that the server gives, also where TLS 1.3 was offered', () => {
    const named = (hello: Tls12ServerHello): Tls12ServerHello => ({
      ...hello,
      sessionId: new Uint8Array(32).fill(1),
    });
    expect(answeredBy(named)).toEqual(bothDone);
    expect(answeredBy(named, {})).toEqual(bothDone);
  });

  it.each<[string, (hello: Tls12ServerHello) => Tls12ServerHello, string]>([
    ['of TLS 1.1', (hello) => ({ ...hello, version: 0x0302 }), 'protocol_version'],
    ['that compresses', (hello) => ({ ...hello, compressionMethod: 1 }), 'illegal_parameter'],
    ['with a suite of TLS 1.3', (hello) => ({ ...hello, cipherSuite: 0x1301 }), 'illegal_parameter'],
    ['with a suite that nobody offers', (hello) => ({ ...hello, cipherSuite: 0xc027 }), 'illegal_parameter'],
    ['with a signal as its suite', (hello) => ({ ...hello, cipherSuite: 0x00ff }), 'illegal_parameter'],
    ['without renegotiation_info', extended({ renegotiation_info: undefined }), 'handshake_failure'],
    [
      'with a renegotiation that nothing goes before',
      extended({ renegotiation_info: new Uint8Array(24) }),
      'handshake_failure',
    ],
    ['without uncompressed points', extended({ ec_point_formats: [1, 2] }), 'illegal_parameter'],
    ['with a response that was not asked for', extended({ status_request: true }), 'unsupported_extension'],
    [
      'with ALPN that was not asked for',
      extended({ application_layer_protocol_negotiation: 'h2' }),
      'unsupported_extension',
    ],
    ['with max_fragment_length', extended({ max_fragment_length: 1 }), 'unsupported_extension'],
    ['with a type of certificate', extended({ server_certificate_type: 0 }), 'unsupported_extension'],
    [
      'with what nobody knows',
      extended({ others: [{ code: 0x3374, data: noBytes }] }),
      'unsupported_extension',
    ],
  ])('refuses one %s', (_name, edit, alert) => {
    for (const settings of [tls12Only, {}])
      expect(answeredBy(edit, settings)).toEqual(refusedByClient(alert));
  });

  it('refuses a suite of ours that was not offered', () => {
    const settings = { ...tls12Only, cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'] } as const;
    const other = (hello: Tls12ServerHello): Tls12ServerHello => ({ ...hello, cipherSuite: 0xc02c });
    expect(answeredBy(other, settings)).toEqual(refusedByClient('illegal_parameter'));
  });

  it('refuses an ALPN protocol that was not offered', () => {
    const other = extended({ application_layer_protocol_negotiation: 'http/1.1' });
    expect(answeredBy(other, { ...tls12Only, alpnProtocols: ['h2'] })).toEqual(
      refusedByClient('illegal_parameter'),
    );
  });

  it('refuses a session_ticket that was not asked for', () => {
    expect(answeredBy(extended({ session_ticket: true }), { ...tls12Only, sessions: false })).toEqual(
      refusedByClient('unsupported_extension'),
    );
  });

  it('refuses an echo of the session ID of TLS 1.3’s compatibility mode: no such session was offered', () => {
    let echo = noBytes;
    const client = clientWithHello(clientConfig(), (hello) => {
      echo = hello.legacySessionId;
      return hello;
    });
    const endpoint = alteringServer(server, 'server_hello', (message) =>
      editedServerHello(message, (hello) => ({ ...hello, sessionId: echo })),
    );
    expect(outcomeOf(client, endpoint)).toEqual(refusedByClient('illegal_parameter'));
    expect(echo).toHaveLength(32);
  });

  it('refuses a server without extended master secret where that is required, and takes it else', async () => {
    // The server takes the extension for one that it has not, when it comes under a code that nobody knows.
    const without = altering('client_hello', (message) => {
      const place = Buffer.from(message).indexOf(Buffer.from([0, 23, 0, 0]));
      const altered = message.slice();
      altered.set([0x33, 0x74], place);
      return altered;
    });
    const fate = (settings: Partial<ClientSettings>): string => {
      const client = clientOf(clientConfig({ ...tls12Only, ...settings }), { host: 'localhost' }, without);
      outcomeOf(client, serverOf(server));
      return fateOf(client);
    };
    expect(fate({ requireExtendedMasterSecret: true })).toBe('handshake_failure');
    // The transcripts differ; but it came to Finished.
    expect(fate({})).toBe('received decrypt_error');
  });
});

describe('a client that trusts raw public keys alone', () => {
  it('takes no certificate of a server that speaks TLS 1.2: unsupported_certificate', async () => {
    const trust = { ...clientConfig().trust, certificateTypes: ['RawPublicKey'] } as const;
    expect(outcomeOf(clientOf(clientConfig({ trust })), serverOf(server))).toEqual(
      refusedByClient('unsupported_certificate'),
    );
  });

  it('and a server that has only such a key shows none in TLS 1.2', async () => {
    const key = ed25519Key();
    const identity: Identity = {
      certificateType: 'RawPublicKey',
      chain: [spkiOf(key)],
      signer: nodeSigner(key),
    };
    for (const choice of [identity, () => identity]) {
      const endpoint = serverOf(await serverConfig({ identity: choice }));
      outcomeOf(clientOf(clientConfig(tls12Only)), endpoint);
      expect(fateOf(endpoint)).toBe('unsupported_certificate');
    }
  });
});
