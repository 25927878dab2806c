import { describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import { contentTypes } from '../../src/wire/names.ts';
import { establishedPair, summary } from '../support/engine.ts';
import { newSessionTicket, plaintextRecord, rawPeerOf } from '../support/raw-peer.ts';

const roles = ['client', 'server'] as const;

it('gives out nothing that a later write fills', async () => {
  const { client } = await establishedPair();
  const before = client.engine.takeOutput();
  client.engine.send(Uint8Array.of(1));
  expect(before).toEqual([]);
  expect(client.engine.takeOutput()).not.toEqual([]);
});

describe.each(roles)('law 1, silence: a %s', (role) => {
  it('produces no transport bytes, whatever arrives that is allowed', async () => {
    const { target, raw } = await rawPeerOf(role);
    const arrivals = [
      raw.data('data'),
      raw.data('', 100),
      raw.keyUpdate('update_requested'),
      raw.keyUpdate('update_not_requested'),
      raw.alert('user_canceled', 1),
      ...(role === 'client' ? [raw.handshake(newSessionTicket()), raw.handshake(newSessionTicket())] : []),
      raw.data('more'),
      raw.alert('close_notify', 1),
      raw.data('behind the end'),
    ];
    for (const arrival of arrivals) expect(raw.deliver(arrival).output).toHaveLength(0);
    expect(target.receiveEnd().output).toHaveLength(0);
    expect(target.engine.failure).toBeUndefined();
  });

  it('produces no transport bytes for a fatal alert', async () => {
    const { target, raw } = await rawPeerOf(role);
    const turn = raw.deliver(raw.alert('internal_error'));
    expect(summary(turn.events)).toEqual(['failed received internal_error']);
    expect(turn.output).toHaveLength(0);
    expect(target.turn().output).toHaveLength(0);
  });

  it("produces no transport bytes for the transport's end", async () => {
    const { target } = await rawPeerOf(role);
    const turn = target.receiveEnd();
    expect(summary(turn.events)).toEqual(['failed TLS_TRUNCATED']);
    expect(turn.output).toHaveLength(0);
  });

  it('answers what is forbidden with a fatal alert, alone, although more is owed', async () => {
    const { raw } = await rawPeerOf(role);
    raw.deliver(raw.keyUpdate('update_requested'));
    const turn = raw.deliver(raw.record(contentTypes.handshake, noBytes));
    expect(raw.hear(turn)).toEqual(['fatal unexpected_message']);
  });

  it('sends the fatal alert under the current write keys', async () => {
    const { target, raw } = await rawPeerOf(role);
    target.turn((engine) => engine.updateKeys());
    const [updated = noBytes] = target.writes.slice(-1);
    raw.open(updated);
    const turn = raw.deliver(raw.record(contentTypes.handshake, noBytes));
    expect(raw.hear(turn)).toEqual(['fatal unexpected_message']);
  });

  it('sends the fatal alert alone also where its key has sealed all but one of its records', async () => {
    const settings = { keyUpdateAfterRecords: 4, tickets: { count: 0 } };
    const { target, raw } = await rawPeerOf(role, { client: settings, server: settings });
    for (const text of ['1', '2', '3']) raw.hear(target.send(text));
    const turn = raw.deliver(raw.record(contentTypes.handshake, noBytes));
    expect(raw.hear(turn)).toEqual(['fatal unexpected_message']);
  });

  it('sends one fatal alert, which ends the connection', async () => {
    const { target, raw } = await rawPeerOf(role);
    const forbidden = raw.record(contentTypes.handshake, noBytes);
    const turn = raw.deliver(forbidden, forbidden, raw.data('too late'));
    expect(summary(turn.events)).toEqual(['failed unexpected_message']);
    expect(raw.hear(turn)).toEqual(['fatal unexpected_message']);
    expect(raw.deliver(raw.data('too late'))).toMatchObject({ events: [], output: noBytes });
    expect(target.engine.writeClosed).toBe(true);
    expect(target.engine.failure).toMatchObject({ alert: 'unexpected_message', direction: 'sent' });
    expect(() => target.send('late')).toThrow('our direction had ended');
    expect(target.closeWrite().output).toHaveLength(0);
  });

  it('sends no fatal alert after its close_notify', async () => {
    const { target, raw } = await rawPeerOf(role);
    expect(raw.hear(target.closeWrite())).toEqual(['warning close_notify']);
    const turn = raw.deliver(raw.record(contentTypes.handshake, noBytes));
    expect(summary(turn.events)).toEqual(['failed unexpected_message']);
    expect(turn.output).toHaveLength(0);
  });

  it.each([
    [
      'that does not decrypt',
      plaintextRecord(contentTypes.application_data, new Uint8Array(64)),
      'bad_record_mac',
    ],
    ['of an unknown type', plaintextRecord(99, noBytes), 'unexpected_message'],
    ['that is not protected', plaintextRecord(contentTypes.alert, Uint8Array.of(1, 0)), 'unexpected_message'],
    ['of a version before SSL 3.0', Uint8Array.of(23, 2, 0, 0, 1, 0), 'protocol_version'],
  ])('answers a record %s with one alert', async (_, record, alert) => {
    const { raw } = await rawPeerOf(role);
    expect(raw.hear(raw.deliver(record))).toEqual([`fatal ${alert}`]);
  });

  it('gives what was decrypted before an error, and then the error', async () => {
    const { raw } = await rawPeerOf(role);
    const turn = raw.deliver(raw.data('one'), raw.data('two'), raw.record(contentTypes.handshake, noBytes));
    expect(summary(turn.events)).toEqual(['data "one"', 'data "two"', 'failed unexpected_message']);
  });
});
