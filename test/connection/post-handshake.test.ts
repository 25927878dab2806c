import { describe, expect, it } from 'vitest';
import { concatBytes, noBytes } from '../../src/base/bytes.ts';
import { encodeCertificateRequest, encodeFinished } from '../../src/wire/messages.ts';
import { handshakeTypes, signatureSchemeCodes } from '../../src/wire/names.ts';
import { clientIdentity, type Endpoint, newPair, questionIn, summary } from '../support/engine.ts';
import { message, newSessionTicket, RawPeer, rawPeerOf, splitRecords } from '../support/raw-peer.ts';

const expected = {
  client: [handshakeTypes.new_session_ticket, handshakeTypes.key_update],
  server: [handshakeTypes.key_update],
} as const;
const roles = ['client', 'server'] as const;

describe('post-handshake CertificateRequest', () => {
  const request = encodeCertificateRequest({
    context: Uint8Array.of(1),
    extensions: { signature_algorithms: [signatureSchemeCodes.ed25519] },
  });

  it('is an unexpected_message, although the client has an identity', async () => {
    const { raw } = await rawPeerOf('client', { client: { identity: await clientIdentity() } });
    const turn = raw.deliver(raw.handshake(request));
    expect(summary(turn.events)).toEqual(['failed unexpected_message']);
    expect(raw.hear(turn)).toEqual(['fatal unexpected_message']);
  });

  it('is one for a server too', async () => {
    const { raw } = await rawPeerOf('server');
    expect(raw.hear(raw.deliver(raw.handshake(request)))).toEqual(['fatal unexpected_message']);
  });
});

describe.each(roles)('wrong messages after the handshake, at a %s', (role) => {
  it.each(
    [...Object.entries(handshakeTypes), ['unknown', 99] as const, ['end_of_line', 255] as const].filter(
      ([, type]) => !expected[role].some((allowed) => allowed === type),
    ),
  )('%s is an unexpected_message, from its header on', async (_, type) => {
    const { raw } = await rawPeerOf(role);
    const turn = raw.deliver(raw.handshake(message(type, new Uint8Array(40)).subarray(0, 4)));
    expect(summary(turn.events)).toEqual(['failed unexpected_message']);
    expect(raw.hear(turn)).toEqual(['fatal unexpected_message']);
  });

  it('a message behind a good one is refused with it read', async () => {
    const { raw } = await rawPeerOf('client');
    const finished = encodeFinished(new Uint8Array(32));
    const turn = raw.deliver(raw.handshake(newSessionTicket(), finished), raw.data('too late'));
    expect(summary(turn.events)).toEqual(['session', 'failed unexpected_message']);
  });

  it('one that is too long is refused from its header on', async () => {
    const { raw } = await rawPeerOf('client');
    const turn = raw.deliver(raw.handshake(Uint8Array.of(handshakeTypes.new_session_ticket, 255, 255, 255)));
    expect(summary(turn.events)).toEqual(['failed decode_error']);
  });
});

describe("behind the server's Finished", () => {
  it('a client accepts data, KeyUpdate, tickets and close_notify while its own flight still waits', async () => {
    const { client, flight, raw } = await flightOf();
    const turn = client.receive(
      flight,
      raw.data('early'),
      raw.keyUpdate('update_requested'),
      raw.handshake(newSessionTicket()),
      raw.data('more'),
      raw.alert('close_notify', 1),
    );
    expect(summary(turn.events)).toEqual(['handshakeDone', 'data "early"', 'session', 'data "more"', 'end']);
    // Its own flight, and nothing else: the acknowledgement waits for the first write.
    expect(turn.output).toHaveLength(6 + 5 + 16 + 1 + 36);
  });

  it('its flight leaves whole, and what it owes with its first write', async () => {
    const { client, server, flight, raw } = await flightOf();
    const turn = client.receive(flight, raw.keyUpdate('update_requested'), raw.alert('close_notify', 1));
    const written = client.send('answer');
    expect(summary(server.receive(turn.output).events)).toEqual(['handshakeDone']);
    expect(raw.hear(written)).toEqual(['key_update update_not_requested', 'data "answer"']);
  });

  it('it waits for the answer to a question, and is given then', async () => {
    const identity = await clientIdentity();
    const { client, server, flight, raw } = await flightOf({ identity: async () => identity });
    const waiting = client.receive(flight, raw.data('early'), raw.alert('close_notify', 1));
    expect(summary(waiting.events)).toEqual(['question clientIdentity']);
    const answered = client.turn((engine) => engine.answer(questionIn(waiting), identity));
    expect(summary(answered.events)).toEqual(['handshakeDone', 'data "early"', 'end']);
    expect(summary(server.receive(answered.output).events)).toEqual(['handshakeDone']);
    expect(server.info.peerCertificates).toHaveLength(1);
  });

  it('a fatal alert there is an error, and behind it nothing is sent', async () => {
    const { client, flight, raw } = await flightOf();
    const turn = client.receive(flight, raw.alert('certificate_required'));
    expect(summary(turn.events)).toEqual(['handshakeDone', 'failed received certificate_required']);
    expect(client.turn().output).toHaveLength(0);
  });
});

it.each(roles)(
  "application data before the peer's Finished is an unexpected_message, an empty record too (%s)",
  async (role) => {
    for (const text of ['too early', '']) {
      const pair = await newPair();
      const [hello = noBytes] = splitRecords(pair.server.receive(pair.client.turn().output).output);
      pair.client.receive(hello);
      const read = role === 'client' ? 'handshake' : 'application';
      const raw = new RawPeer(pair[role], { write: 'handshake', read });
      expect(summary(raw.deliver(raw.data(text)).events)).toEqual(['failed unexpected_message']);
    }
  },
);

it('a server takes data that comes in the same bytes as the Finished', async () => {
  const { client, server } = await newPair();
  const flight = server.receive(client.turn().output).output;
  const finished = client.receive(flight).output;
  const data = client.send('right behind').output;
  const end = client.closeWrite().output;
  const turn = server.receive(concatBytes(finished, data, end));
  expect(summary(turn.events)).toEqual(['handshakeDone', 'data "right behind"', 'end']);
  expect(turn).toMatchObject({ output: noBytes });
});

/** A client that waits for the server's flight, and a raw peer that goes on behind that. */
async function flightOf(client: object = {}): Promise<{
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly flight: Uint8Array;
  readonly raw: RawPeer;
}> {
  const clientAuthentication = 'identity' in client ? 'require' : 'none';
  const pair = await newPair({ client, server: { clientAuthentication } });
  const flight = pair.server.receive(pair.client.turn().output).output;
  // The server knows all secrets already: its peer's place is taken with them.
  const raw = new RawPeer(withSecretsOf(pair.client, pair.server));
  return { ...pair, flight, raw };
}

function withSecretsOf(target: Endpoint, other: Endpoint): Endpoint {
  for (const [label, secret] of other.secrets) target.secrets.set(label, secret);
  return target;
}
