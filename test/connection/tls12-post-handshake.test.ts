import { describe, expect, it } from 'vitest';
import { alertCodes } from '../../src/base/alerts.ts';
import { concatBytes, noBytes } from '../../src/base/bytes.ts';
import { TlsUsageError } from '../../src/base/errors.ts';
import { maxKeyUpdatesInARow, maxUserCanceled } from '../../src/base/limits.ts';
import { encodeClientHello } from '../../src/wire/hello.ts';
import { encodeKeyUpdate } from '../../src/wire/messages.ts';
import { contentTypes, handshakeTypes } from '../../src/wire/names.ts';
import { encodeTls12NewSessionTicket } from '../../src/wire/tls12-messages.ts';
import { clientConfig, newPair, pump, serverConfig, summary } from '../support/engine.ts';
import { clientOf, fateOf, plaintextMessage, serverOf } from '../support/handshake.ts';
import { newHello } from '../support/hello.ts';
import { message, plaintextRecord, rawPeerOf, splitRecords } from '../support/raw-peer.ts';
import { tls12Only, tls12RawPeerOf } from '../support/tls12.ts';

const roles = ['client', 'server'] as const;
const helloRequest = message(handshakeTypes.hello_request, noBytes);
const clientHello = encodeClientHello(newHello(clientConfig(tls12Only)).hello);
/** What asks an endpoint of this role to renegotiate. */
const asks = { client: helloRequest, server: clientHello };

function times<Value>(count: number, make: () => Value): Value[] {
  return Array.from({ length: count }, make);
}

describe.each(roles)('a %s that is asked to renegotiate', (role) => {
  it('is silent, and goes on', async () => {
    const { target, raw } = await tls12RawPeerOf(role);
    expect(raw.deliver(raw.handshake(asks[role]))).toMatchObject({ events: [], output: noBytes });
    expect(summary(raw.deliver(raw.data('x')).events)).toEqual(['data "x"']);
    expect(raw.hear(target.send('y'))).toEqual(['data "y"']);
  });

  it('32 times in a row passes it over, 33 times does not', async () => {
    const { raw } = await tls12RawPeerOf(role);
    const first = raw.deliver(...times(maxKeyUpdatesInARow, () => raw.handshake(asks[role])));
    expect(first).toMatchObject({ events: [], output: noBytes });
    const last = raw.deliver(raw.handshake(asks[role]));
    expect(summary(last.events)).toEqual(['failed unexpected_message']);
    expect(raw.hear(last)).toEqual(['fatal unexpected_message']);
  });

  it('with data between them, any number of times', async () => {
    const { raw } = await tls12RawPeerOf(role);
    for (let round = 0; round < 3; round++) {
      const requests = times(maxKeyUpdatesInARow, () => raw.handshake(asks[role]));
      expect(summary(raw.deliver(...requests, raw.data('x')).events)).toEqual(['data "x"']);
    }
  });

  it('is not brought to forget the count by empty records or warnings', async () => {
    const { raw } = await tls12RawPeerOf(role);
    for (let request = 0; request < maxKeyUpdatesInARow; request++)
      raw.deliver(
        raw.handshake(asks[role]),
        raw.data(''),
        ...(request === 5 ? [raw.alert('user_canceled', 1)] : []),
      );
    expect(summary(raw.deliver(raw.handshake(asks[role])).events)).toEqual(['failed unexpected_message']);
  });

  it('in pieces, is silent too', async () => {
    const { raw } = await tls12RawPeerOf(role);
    const pieces = [...asks[role]].map((byte) => raw.handshake(Uint8Array.of(byte)));
    expect(raw.deliver(...pieces)).toMatchObject({ events: [], output: noBytes });
    expect(summary(raw.deliver(raw.data('x')).events)).toEqual(['data "x"']);
  });
});

describe.each(roles)('after the handshake, a %s', (role) => {
  it.each<[string, Uint8Array]>([
    ['a request to renegotiate that goes the other way', role === 'client' ? clientHello : helloRequest],
    ['KeyUpdate', encodeKeyUpdate(false)],
    ['NewSessionTicket', encodeTls12NewSessionTicket({ lifetimeHint: 1, ticket: Uint8Array.of(1) })],
    ['Finished', message(handshakeTypes.finished, new Uint8Array(12))],
    ['ServerHelloDone', message(handshakeTypes.server_hello_done, noBytes)],
  ])('refuses %s: unexpected_message', async (_name, bytes) => {
    const { raw } = await tls12RawPeerOf(role);
    expect(summary(raw.deliver(raw.handshake(bytes)).events)).toEqual(['failed unexpected_message']);
  });

  it('refuses a change_cipher_spec, protected or not: unexpected_message', async () => {
    const { change_cipher_spec } = contentTypes;
    const protectedOne = await tls12RawPeerOf(role);
    const record = protectedOne.raw.record(change_cipher_spec, Uint8Array.of(1));
    expect(summary(protectedOne.raw.deliver(record).events)).toEqual(['failed unexpected_message']);
    const plain = await tls12RawPeerOf(role);
    const bytes = plaintextRecord(change_cipher_spec, Uint8Array.of(1));
    expect(summary(plain.raw.deliver(bytes).events)).toEqual(['failed unexpected_message']);
  });

  it('refuses what is not protected: bad_record_mac', async () => {
    for (const [type, content] of [
      [contentTypes.alert, Uint8Array.of(1, 0)],
      [contentTypes.application_data, new Uint8Array(40)],
      [contentTypes.handshake, helloRequest],
    ] as const) {
      const { raw } = await tls12RawPeerOf(role);
      const turn = raw.deliver(plaintextRecord(type, content));
      expect(summary(turn.events)).toEqual(['failed bad_record_mac']);
      expect(raw.hear(turn)).toEqual(['fatal bad_record_mac']);
    }
  });

  it('sends no KeyUpdate', async () => {
    const { target } = await tls12RawPeerOf(role);
    expect(() => target.turn((engine) => engine.updateKeys())).toThrow(TlsUsageError);
    expect(target.turn().output).toHaveLength(0);
  });

  it('sends no KeyUpdate where TLS 1.3 would, after so many records', async () => {
    const settings = { [role]: { keyUpdateAfterRecords: 2 } };
    const { target, raw } = await tls12RawPeerOf(role, settings);
    for (const text of ['a', 'b', 'c', 'd']) expect(raw.hear(target.send(text))).toEqual([`data "${text}"`]);
  });
});

it('sendTickets gives 0 and sends nothing: a ticket belongs to the handshake', async () => {
  const { target } = await tls12RawPeerOf('server');
  const turn = target.turn((engine) => expect(engine.sendTickets(8)).toBe(0));
  expect(turn.output).toHaveLength(0);
  expect(() => target.turn((engine) => engine.sendTickets(9))).toThrow(TlsUsageError);
  const { target: client } = await tls12RawPeerOf('client');
  expect(() => client.turn((engine) => engine.sendTickets(1))).toThrow(TlsUsageError);
});

describe('HelloRequest during the handshake (RFC 5246 §7.4.1.1)', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'is passed over, wherever it comes: a client up to %s',
    async (maxVersion) => {
      const { client, server } = await newPair({ client: { maxVersion }, server: tls12Only });
      const request = plaintextMessage(helloRequest);
      server.receive(client.turn().output);
      const flight = splitRecords(concatBytes(...server.undelivered.splice(0)));
      client.undelivered.length = 0;
      expect(client.receive(request).output).toHaveLength(0);
      const answer = client.receive(
        ...flight.flatMap((record) => [record, ...(record === flight[1] ? [] : [request])]),
      );
      client.undelivered.length = 0;
      server.receive(answer.output);
      client.receive(request);
      pump({ client, server });
      expect([fateOf(client), fateOf(server)]).toEqual(['done', 'done']);
    },
  );

  it('is passed over 32 times', async () => {
    const client = clientOf(clientConfig());
    client.turn();
    expect(
      client.receive(...times(maxKeyUpdatesInARow, () => plaintextMessage(helloRequest))).events,
    ).toEqual([]);
    expect(summary(client.receive(plaintextMessage(helloRequest)).events)).toEqual([
      'failed unexpected_message',
    ]);
  });

  it('is none to a client of TLS 1.3 alone, nor to a server', async () => {
    const client = clientOf(clientConfig({ minVersion: 'TLSv1.3' }));
    client.turn();
    client.receive(plaintextMessage(helloRequest));
    expect(fateOf(client)).toBe('unexpected_message');
    const server = serverOf(await serverConfig(tls12Only));
    server.receive(plaintextMessage(helloRequest));
    expect(fateOf(server)).toBe('unexpected_message');
  });

  it('with content is a decode_error', () => {
    const client = clientOf(clientConfig(tls12Only));
    client.turn();
    client.receive(plaintextMessage(message(handshakeTypes.hello_request, Uint8Array.of(0))));
    expect(fateOf(client)).toBe('decode_error');
  });
});

describe.each(roles)('alerts to a %s', (role) => {
  it('that are warnings are passed over, at most 4 in a row', async () => {
    const { raw } = await tls12RawPeerOf(role);
    const warnings = times(maxUserCanceled, () => raw.alert('no_renegotiation', 1));
    expect(raw.deliver(...warnings)).toMatchObject({ events: [], output: noBytes });
    expect(summary(raw.deliver(raw.data('x')).events)).toEqual(['data "x"']);
    // Another kind of record begins the count anew.
    for (let round = 0; round < maxUserCanceled; round++) raw.deliver(raw.alert('unrecognized_name', 1));
    const last = raw.deliver(raw.alert('unrecognized_name', 1));
    expect(summary(last.events)).toEqual(['failed decode_error']);
  });

  it('that are fatal end the connection, and are not answered', async () => {
    const { raw } = await tls12RawPeerOf(role);
    const turn = raw.deliver(raw.alert('unrecognized_name', 2));
    expect(summary(turn.events)).toEqual(['failed received unrecognized_name']);
    expect(turn.output).toHaveLength(0);
  });

  it.each([0, 3, 255])('of level %i are an illegal_parameter', async (level) => {
    const { raw } = await tls12RawPeerOf(role);
    expect(summary(raw.deliver(raw.alert('handshake_failure', level)).events)).toEqual([
      'failed illegal_parameter',
    ]);
  });

  it.each([1, 2])('close_notify is the end, at level %i too', async (level) => {
    const { raw } = await tls12RawPeerOf(role);
    expect(summary(raw.deliver(raw.alert('close_notify', level)).events)).toEqual(['end']);
  });

  it.each([noBytes, Uint8Array.of(1), Uint8Array.of(1, 0, 0), Uint8Array.of(1, 90, 1, 90)])(
    'not of two bytes are refused',
    async (content) => {
      const { raw } = await tls12RawPeerOf(role);
      const { events } = raw.deliver(raw.record(contentTypes.alert, content));
      expect(summary(events)).toEqual([
        content.length === 0 ? 'failed unexpected_message' : 'failed decode_error',
      ]);
    },
  );
});

describe('a warning during the handshake', () => {
  const warning = plaintextRecord(contentTypes.alert, Uint8Array.of(1, alertCodes.unrecognized_name));

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'ahead of ServerHello is passed over by a client up to %s: old servers do not know the name, and go on',
    async (maxVersion) => {
      const { client, server } = await newPair({ client: { maxVersion }, server: tls12Only });
      client.turn();
      expect(client.receive(warning)).toMatchObject({ events: [], output: noBytes });
      pump({ client, server });
      expect([fateOf(client), fateOf(server)]).toEqual(['done', 'done']);
    },
  );

  it('is fatal to a client of TLS 1.3 alone, which knows no levels', () => {
    const client = clientOf(clientConfig({ minVersion: 'TLSv1.3' }));
    client.turn();
    client.receive(warning);
    expect(fateOf(client)).toBe('received unrecognized_name');
  });

  it('is fatal where TLS 1.3 was negotiated', async () => {
    const { raw } = await rawPeerOf('client');
    expect(summary(raw.deliver(raw.alert('unrecognized_name', 1)).events)).toEqual([
      'failed received unrecognized_name',
    ]);
  });

  it('close_notify calls it off, whatever its level', async () => {
    for (const level of [1, 2]) {
      const client = clientOf(clientConfig(tls12Only));
      client.turn();
      client.receive(plaintextRecord(contentTypes.alert, Uint8Array.of(level, 0)));
      expect(fateOf(client)).toBe('received close_notify');
    }
  });
});
