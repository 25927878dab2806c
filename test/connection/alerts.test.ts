import { describe, expect, it } from 'vitest';
import { alertCodes, alertName } from '../../src/base/alerts.ts';
import { concatBytes, noBytes } from '../../src/base/bytes.ts';
import { maxUserCanceled } from '../../src/base/limits.ts';
import { contentTypes } from '../../src/wire/names.ts';
import { newPair, summary } from '../support/engine.ts';
import { newSessionTicket, plaintextRecord, RawPeer, rawPeerOf, splitRecords } from '../support/raw-peer.ts';

const roles = ['client', 'server'] as const;
const closures: number[] = [alertCodes.close_notify, alertCodes.user_canceled];

describe.each(roles)('alerts, at a %s', (role) => {
  it.each([
    [1, [1]],
    [3, [1, 0, 0]],
    [4, [1, 0, 1, 0]],
    [4, [2, 80, 2, 80]],
  ])('exactly one of 2 bytes per record, not %d bytes: %j', async (_, bytes) => {
    const { raw } = await rawPeerOf(role);
    const turn = raw.deliver(raw.record(contentTypes.alert, Uint8Array.from(bytes)));
    expect(raw.hear(turn)).toEqual(['fatal decode_error']);
  });

  it('are not fragmented: each half is wrong', async () => {
    const { raw } = await rawPeerOf(role);
    const halves = [
      raw.record(contentTypes.alert, Uint8Array.of(1)),
      raw.record(contentTypes.alert, Uint8Array.of(0)),
    ];
    expect(summary(raw.deliver(...halves).events)).toEqual(['failed decode_error']);
  });

  it.each([0, 1, 2, 3, 255])('the level is ignored: %d', async (level) => {
    const closed = await rawPeerOf(role);
    const end = closed.raw.deliver(closed.raw.alert('close_notify', level));
    expect(summary(end.events)).toEqual(['end']);
    const canceled = await rawPeerOf(role);
    const goesOn = canceled.raw.deliver(canceled.raw.alert('user_canceled', level), canceled.raw.data('x'));
    expect(summary(goesOn.events)).toEqual(['data "x"']);
    const failed = await rawPeerOf(role);
    const fatal = failed.raw.deliver(failed.raw.alert('handshake_failure', level));
    expect(summary(fatal.events)).toEqual(['failed received handshake_failure']);
    expect(end.output.length + goesOn.output.length + fatal.output.length).toBe(0);
  });

  it('all but close_notify and user_canceled are fatal, unknown ones too, and nothing is sent back', async () => {
    const unknown = [7, 99, 200, 255];
    for (const code of [...Object.values(alertCodes), ...unknown]) {
      if (closures.includes(code)) continue;
      const { target, raw } = await rawPeerOf(role);
      const turn = raw.deliver(raw.record(contentTypes.alert, Uint8Array.of(1, code)), raw.data('too late'));
      expect(summary(turn.events)).toEqual([`failed received ${alertName(code)}`]);
      expect(turn.output).toHaveLength(0);
      expect(target.engine.writeClosed).toBe(true);
      expect(target.closeWrite().output).toHaveLength(0);
      expect(target.engine.failure).toMatchObject({ direction: 'received' });
    }
  });

  it('user_canceled is no error, at most 4 times', async () => {
    const { raw } = await rawPeerOf(role);
    for (let i = 0; i < maxUserCanceled; i++) {
      const turn = raw.deliver(raw.alert('user_canceled', 1), raw.data('x'));
      expect(summary(turn.events)).toEqual(['data "x"']);
    }
    expect(raw.hear(raw.deliver(raw.alert('user_canceled', 1)))).toEqual(['fatal unexpected_message']);
  });

  it('may not come inside a handshake message', async () => {
    const { raw } = await rawPeerOf('client');
    const begin = raw.handshake(newSessionTicket().subarray(0, 10));
    expect(raw.hear(raw.deliver(begin, raw.alert('close_notify', 1)))).toEqual(['fatal unexpected_message']);
  });
});

describe('alerts during the handshake', () => {
  it.each(roles)('unprotected, before there are keys, are taken by a %s', async (role) => {
    const { [role]: endpoint } = await newPair();
    endpoint.turn();
    const turn = endpoint.receive(
      plaintextRecord(contentTypes.alert, Uint8Array.of(2, alertCodes.internal_error)),
    );
    expect(summary(turn.events)).toEqual(['failed received internal_error']);
    expect(turn.output).toHaveLength(0);
  });

  it('unprotected, from a client that failed before it had keys, are taken by a server that has some', async () => {
    const { client, server } = await newPair();
    server.receive(client.turn().output);
    const turn = server.receive(
      plaintextRecord(contentTypes.alert, Uint8Array.of(2, alertCodes.bad_certificate)),
    );
    expect(summary(turn.events)).toEqual(['failed received bad_certificate']);
    expect(turn.output).toHaveLength(0);
  });

  it('unprotected, behind the first record that decrypted, are refused', async () => {
    const { client, server } = await newPair();
    const [hello = noBytes] = splitRecords(server.receive(client.turn().output).output);
    client.receive(hello);
    const raw = new RawPeer(client, { write: 'handshake', read: 'handshake' });
    const turn = raw.deliver(
      raw.alert('user_canceled', 1),
      plaintextRecord(contentTypes.alert, Uint8Array.of(2, alertCodes.internal_error)),
    );
    expect(summary(turn.events)).toEqual(['failed unexpected_message']);
  });

  it('are sent unprotected before there are keys', async () => {
    const { server } = await newPair();
    const turn = server.receive(plaintextRecord(contentTypes.handshake, Uint8Array.of(1, 0, 0, 0)));
    expect(summary(turn.events)).toEqual(['failed decode_error']);
    expect([...turn.output]).toEqual([21, 3, 3, 0, 2, 2, alertCodes.decode_error]);
  });

  it('are sent under the handshake keys by a client, under the application keys by a server', async () => {
    const { client, server } = await newPair();
    const flight = server.receive(client.turn().output).output;
    const forged = concatBytes(flight.subarray(0, -1), Uint8Array.of((flight.at(-1) ?? 0) ^ 1));
    const turn = client.receive(forged);
    expect(summary(turn.events)).toEqual(['failed bad_record_mac']);
    const toServer = new RawPeer(client, { write: 'handshake', read: 'handshake' });
    expect(toServer.hear({ ...turn, output: withoutChangeCipherSpec(turn.output) })).toEqual([
      'fatal bad_record_mac',
    ]);
    const refused = server.receive(plaintextRecord(contentTypes.application_data, new Uint8Array(64)));
    const toClient = new RawPeer(server, { write: 'handshake', read: 'application' });
    expect(toClient.hear(refused)).toEqual(['fatal bad_record_mac']);
  });
});

function withoutChangeCipherSpec(output: Uint8Array): Uint8Array {
  return concatBytes(...splitRecords(output).filter(([type]) => type !== contentTypes.change_cipher_spec));
}
