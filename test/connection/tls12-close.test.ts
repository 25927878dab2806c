import { describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import { TlsPeerError, TlsUsageError } from '../../src/base/errors.ts';
import { newPair, pump, summary, textOf } from '../support/engine.ts';
import { plaintextRecord } from '../support/raw-peer.ts';
import { establishedTls12Pair, tls12Only, tls12RawPeerOf } from '../support/tls12.ts';

const roles = ['client', 'server'] as const;
const other = { client: 'server', server: 'client' } as const;

describe.each(roles)('a %s of TLS 1.2 whose peer has sent close_notify', (role) => {
  it('cannot send any more: a TlsPeerError that says close_notify, each time the same', async () => {
    const { target, raw } = await tls12RawPeerOf(role);
    expect(raw.deliver(raw.alert('close_notify', 1))).toMatchObject({
      events: [{ type: 'end' }],
      output: noBytes,
    });
    const caught: unknown[] = [];
    for (let round = 0; round < 2; round++) {
      try {
        target.send('too late');
      } catch (error) {
        caught.push(error);
      }
    }
    expect(caught[0]).toBeInstanceOf(TlsPeerError);
    expect(caught[0]).toMatchObject({ direction: 'received', alert: 'close_notify' });
    expect(caught[1]).toBe(caught[0]);
    expect(target.turn()).toMatchObject({ events: [], output: noBytes });
    // That is no failure of the connection.
    expect(target.engine.failure).toBeUndefined();
    expect(target.engine.writeClosed).toBe(false);
  });

  it('sends on where it is told that it may', async () => {
    const { target, raw } = await tls12RawPeerOf(role, { [role]: { tls12HalfClose: true } });
    expect(raw.deliver(raw.alert('close_notify', 1))).toMatchObject({ output: noBytes });
    expect(raw.hear(target.send('answer'))).toEqual(['data "answer"']);
    expect(raw.hear(target.closeWrite())).toEqual(['warning close_notify']);
    expect(target.engine.failure).toBeUndefined();
  });

  it('answers with its own close_notify when it is closed, and not before', async () => {
    const { target, raw } = await tls12RawPeerOf(role);
    raw.deliver(raw.alert('close_notify', 1));
    expect(target.turn().output).toHaveLength(0);
    expect(raw.hear(target.closeWrite())).toEqual(['warning close_notify']);
    expect(target.closeWrite().output).toHaveLength(0);
    expect(() => target.send('x')).toThrow(TlsUsageError);
  });

  it('keeps what comes behind it for others', async () => {
    const { target, raw } = await tls12RawPeerOf(role);
    raw.deliver(raw.alert('close_notify', 1), Uint8Array.of(1, 2, 3));
    expect(target.engine.takeTrailing()).toEqual(Uint8Array.of(1, 2, 3));
  });
});

describe.each(roles)('a %s of TLS 1.2 that has sent close_notify', (role) => {
  it('goes on reading, and says nothing more', async () => {
    const { target, raw } = await tls12RawPeerOf(role);
    expect(raw.hear(target.closeWrite())).toEqual(['warning close_notify']);
    expect(raw.deliver(raw.data('late'), raw.alert('close_notify', 1))).toMatchObject({ output: noBytes });
    expect(summary(target.events).slice(-2)).toEqual(['data "late"', 'end']);
    expect(() => target.send('x')).toThrow(TlsUsageError);
  });

  it('sends no alert for what it refuses', async () => {
    const { target, raw } = await tls12RawPeerOf(role);
    target.closeWrite();
    const turn = raw.deliver(plaintextRecord(23, new Uint8Array(40)));
    expect(summary(turn.events)).toEqual(['failed bad_record_mac']);
    expect(turn.output).toHaveLength(0);
  });
});

describe.each(roles)('receiving makes a %s of TLS 1.2 write nothing', (role) => {
  it('once its handshake is done, and that is done with the last message of the other', async () => {
    const pair = await establishedTls12Pair();
    const { [role]: target, [other[role]]: peer } = pair;
    const before = target.writes.length;
    for (let round = 0; round < 20; round++) {
      peer.send(`message ${round}`);
      pump(pair);
    }
    peer.closeWrite();
    pump(pair);
    expect(target.writes).toHaveLength(before);
    const heard = target.events.flatMap((event) => (event.type === 'data' ? [textOf(event.data)] : []));
    expect(heard).toHaveLength(20);
    expect(target.events.at(-1)?.type).toBe('end');
  });

  it('and sending nothing writes nothing', async () => {
    const { target } = await tls12RawPeerOf(role);
    expect(target.send('').output).toHaveLength(0);
  });
});

describe('close during the handshake of TLS 1.2', () => {
  it.each(roles)('tells the other: %s', async (role) => {
    const { client, server } = await newPair({ client: tls12Only });
    client.turn();
    server.receive(...client.undelivered.splice(0));
    const { [role]: target, [other[role]]: peer } = { client, server };
    peer.receive(target.closeWrite().output);
    expect(peer.engine.failure).toMatchObject({ direction: 'received', alert: 'close_notify' });
  });

  it.each(roles)('the transport ends: truncated: %s', async (role) => {
    const pair = await newPair({ client: tls12Only });
    pair.client.turn();
    if (role === 'server') pair.server.receive(...pair.client.undelivered.splice(0));
    pair[role].receiveEnd();
    expect(pair[role].engine.failure).toMatchObject({ code: 'TLS_TRUNCATED' });
  });
});

describe.each(roles)('the transport of a %s of TLS 1.2 ends without close_notify', (role) => {
  it.each([
    ['between two records', 0, true],
    ['inside one', 7, false],
  ] as const)('%s: truncated', async (_name, bytes, atRecordBoundary) => {
    const { target, raw } = await tls12RawPeerOf(role);
    raw.deliver(raw.data('x'), raw.data('y').subarray(0, bytes));
    const turn = target.receiveEnd();
    expect(summary(turn.events)).toEqual(['failed TLS_TRUNCATED']);
    expect(turn.events[0]).toMatchObject({ error: { atRecordBoundary } });
    // The other direction is whole.
    expect(raw.hear(target.send('still'))).toEqual(['data "still"']);
  });
});
