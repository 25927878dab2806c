import { describe, expect, it } from 'vitest';
import { maxSkippedEarlyData } from '../../src/base/limits.ts';
import { TlsConnection } from '../../src/connection/tls-connection.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { afterClientHello } from '../../src/handshake/client.ts';
import { encodeWithSession, firstClientHello } from '../../src/handshake/client-hello.ts';
import type { ClientConfig, ServerConfig } from '../../src/handshake/config.ts';
import { Transcript } from '../../src/keys/transcript.ts';
import { MemorySessionCache } from '../../src/sessions/client-session.ts';
import { TicketKeys } from '../../src/sessions/ticket-keys.ts';
import type { ClientHello } from '../../src/wire/hello.ts';
import { contentTypes } from '../../src/wire/names.ts';
import {
  clientConfig,
  clientEndpoint,
  Endpoint,
  establishedPair,
  type Pair,
  pseudoRandomBytes,
  pump,
  serverConfig,
  serverEndpoint,
  summary,
} from '../support/engine.ts';
import { takePsk } from '../support/hello.ts';
import { plaintextRecord, RawPeer } from '../support/raw-peer.ts';

const peer = { host: 'localhost' };
const done = ['handshakeDone'];
const tooMuch = ['failed unexpected_message'];

describe('0-RTT offered, not accepted, without HelloRetryRequest', () => {
  it('what does not decrypt is skipped, and the handshake goes on', async () => {
    const { client, server } = await offeringPair();
    const flight = server.receive(client.turn().output, earlyData(100), earlyData(0), earlyData(5000)).output;
    const finished = client.receive(flight).output;
    expect(summary(server.receive(earlyData(17), finished).events)).toEqual(done);
    expect(server.info).toMatchObject({ resumed: true, helloRetryRequest: false });
    const after = server.receive(client.send('after the handshake').output);
    expect(summary(after.events)).toEqual(['data "after the handshake"']);
  });

  it('is skipped with a change_cipher_spec before and behind it', async () => {
    const { client, server } = await offeringPair();
    const spec = plaintextRecord(contentTypes.change_cipher_spec, Uint8Array.of(1));
    const flight = server.receive(client.turn().output, spec, earlyData(50), spec).output;
    expect(summary(server.receive(client.receive(flight).output).events)).toEqual(done);
  });

  it('at most 16 384 bytes of it, in one record or many', async () => {
    for (const size of [maxSkippedEarlyData, 1024, 128]) {
      const { client, server } = await offeringPair();
      const records = Array.from({ length: maxSkippedEarlyData / size }, () => earlyData(size));
      const flight = server.receive(client.turn().output, ...records).output;
      const finished = client.receive(flight).output;
      expect(summary(server.receive(finished).events)).toEqual(done);
      const other = await offeringPair();
      const turn = other.server.receive(other.client.turn().output, ...records, earlyData(1));
      expect(summary(turn.events)).toEqual(tooMuch);
    }
  });

  it('empty records count as well, or they would be skipped without end', async () => {
    const { client, server } = await offeringPair();
    const hello = client.turn().output;
    const records = Array.from({ length: maxSkippedEarlyData }, () => earlyData(0));
    expect(summary(server.receive(hello, ...records).events)).toEqual([]);
    expect(summary(server.receive(earlyData(0)).events)).toEqual(tooMuch);
  });

  it('ends with the first record that decrypts: behind it nothing is skipped', async () => {
    const { client, server } = await offeringPair({}, { compatibilityMode: false });
    const flight = server.receive(client.turn().output, earlyData(100)).output;
    const finished = client.receive(flight).output;
    const done = server.receive(finished);
    expect(summary(done.events)).toEqual(['handshakeDone']);
    expect(summary(server.receive(earlyData(100)).events)).toEqual(['failed bad_record_mac']);
  });

  it('ends also within the second flight', async () => {
    const { client, server } = await offeringPair();
    server.receive(client.turn().output, earlyData(100));
    const raw = new RawPeer(server, { write: 'handshake', read: 'application' });
    raw.deliver(raw.alert('user_canceled', 1));
    expect(raw.hear(server.receive(earlyData(100)))).toEqual(['fatal bad_record_mac']);
  });

  it('unprotected records are not skipped', async () => {
    const { client, server } = await offeringPair();
    const turn = server.receive(
      client.turn().output,
      plaintextRecord(contentTypes.handshake, Uint8Array.of(1)),
    );
    expect(summary(turn.events)).toEqual(['failed unexpected_message']);
  });
});

describe('0-RTT offered, not accepted, with HelloRetryRequest', () => {
  const retry = { groups: ['secp384r1'] as const };

  it('application_data records are skipped until the second ClientHello', async () => {
    const { client, server } = await offeringPair(retry);
    const first = server.receive(client.turn().output, earlyData(100), earlyData(16_000));
    expect(summary(first.events)).toEqual([]);
    const second = client.receive(first.output).output;
    const flight = server.receive(earlyData(200), second).output;
    expect(summary(server.receive(client.receive(flight).output).events)).toEqual(done);
    expect(server.info).toMatchObject({ resumed: true, helloRetryRequest: true });
  });

  it('at most 16 384 bytes of it', async () => {
    const { client, server } = await offeringPair(retry);
    const turn = server.receive(client.turn().output, earlyData(maxSkippedEarlyData));
    expect(summary(turn.events)).toEqual([]);
    expect(summary(server.receive(earlyData(1)).events)).toEqual(tooMuch);
  });

  it('behind the second ClientHello nothing is skipped', async () => {
    const { client, server } = await offeringPair(retry);
    const first = server.receive(client.turn().output, earlyData(100)).output;
    const turn = server.receive(client.receive(first).output, earlyData(100));
    expect(summary(turn.events)).toEqual(['failed bad_record_mac']);
  });

  it('early_data in the second ClientHello is an illegal_parameter', async () => {
    const { client, server } = await offeringPair(retry, {}, (hello) => hello);
    const first = server.receive(client.turn().output).output;
    expect(summary(server.receive(client.receive(first).output).events)).toEqual([
      'failed illegal_parameter',
    ]);
  });
});

describe('0-RTT not offered', () => {
  it('what does not decrypt is not skipped', async () => {
    const server = serverEndpoint(await serverConfig());
    const turn = server.receive(clientEndpoint(clientConfig()).turn().output, earlyData(100));
    expect(summary(turn.events)).toEqual(['failed bad_record_mac']);
  });

  it('application_data behind a HelloRetryRequest is not skipped', async () => {
    const server = serverEndpoint(await serverConfig({ groups: ['secp384r1'] }));
    const turn = server.receive(clientEndpoint(clientConfig()).turn().output, earlyData(100));
    expect(summary(turn.events)).toEqual(tooMuch);
  });

  it('it is never skipped before the ClientHello, nor by a client', async () => {
    const { client, server } = await offeringPair();
    expect(summary(server.receive(earlyData(100)).events)).toEqual(tooMuch);
    client.turn();
    expect(summary(client.receive(earlyData(100)).events)).toEqual(tooMuch);
  });
});

/** A record of early data: nobody here has its keys. `length` counts its content; protection adds 17 bytes. */
function earlyData(length: number): Uint8Array {
  return plaintextRecord(contentTypes.application_data, pseudoRandomBytes(length + 17, length));
}

/** A client that has a ticket and offers 0-RTT with it. */
async function offeringPair(
  server: Partial<Omit<ServerConfig, 'identity'>> = {},
  client: Partial<ClientConfig> = {},
  remembered?: (hello: ClientHello) => ClientHello,
): Promise<Pair> {
  const sessions = new MemorySessionCache();
  const tickets = { keeper: new TicketKeys(nodeCrypto, 3600), count: 1 };
  const first = await establishedPair({ client: { sessions }, server: { tickets } });
  first.server.send('x');
  pump(first);
  const config = clientConfig({ ...client, sessions });
  return {
    client: offeringClient(config, remembered),
    server: serverEndpoint(await serverConfig({ ...server, tickets })),
  };
}

/** @param remembered the hello that a second one repeats: by default one without early_data (RFC 9846 §4.2.2) */
function offeringClient(
  config: ClientConfig,
  remembered: (hello: ClientHello) => ClientHello = (hello) => ({
    ...hello,
    extensions: { ...hello.extensions, early_data: undefined },
  }),
): Endpoint {
  const engine = new TlsConnection(config, function* (flight) {
    const transcript = new Transcript(config.provider);
    const keyExchanges = config.keyShares.map((group) => config.provider.initiateKeyExchange(group));
    const plain = firstClientHello(config, 'localhost', keyExchanges);
    const hello: ClientHello = { ...plain, extensions: { ...plain.extensions, early_data: true } };
    const offered = takePsk(config, peer);
    if (!offered) throw new Error('0-RTT needs a session');
    const bytes = encodeWithSession(hello, offered, transcript, config.now());
    transcript.add(bytes);
    flight.send(bytes);
    const sent = { hello: remembered(hello), keyExchanges, offered };
    return yield* afterClientHello(config, peer, flight, transcript, sent);
  });
  return new Endpoint('client', engine);
}
