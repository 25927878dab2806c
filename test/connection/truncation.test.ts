import { describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import { TlsTruncatedError } from '../../src/base/errors.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { contentTypes } from '../../src/wire/names.ts';
import { type Endpoint, newPair, summary } from '../support/engine.ts';
import { newSessionTicket, plaintextRecord, RawPeer, rawPeerOf, splitRecords } from '../support/raw-peer.ts';

const roles = ['client', 'server'] as const;
const closeNotify = Uint8Array.of(1, 0);

describe.each(roles)('law 7, truth about ends: a %s', (role) => {
  it('reports the end only once, for a close_notify under the application keys after the handshake', async () => {
    const { raw } = await rawPeerOf(role);
    const turn = raw.deliver(raw.alert('close_notify', 1), raw.alert('close_notify', 1));
    expect(summary(turn.events)).toEqual(['end']);
  });

  it('takes no unprotected close_notify for an end after the handshake', async () => {
    const { raw } = await rawPeerOf(role);
    const turn = raw.deliver(plaintextRecord(contentTypes.alert, closeNotify));
    expect(summary(turn.events)).toEqual(['failed unexpected_message']);
  });

  it('takes no unprotected close_notify for an end during the handshake', async () => {
    const { client, server } = await newPair();
    const hello = client.turn().output;
    const endpoint = { client, server }[role];
    if (role === 'server') server.receive(hello);
    const turn = endpoint.receive(plaintextRecord(contentTypes.alert, closeNotify));
    expect(summary(turn.events)).toEqual(['failed received close_notify']);
    expect(turn.output).toHaveLength(0);
  });

  it('takes no close_notify under the handshake keys for an end', async () => {
    const { client, server } = await newPair();
    const flight = server.receive(client.turn().output).output;
    const [hello = noBytes] = splitRecords(flight);
    client.receive(hello);
    const target = { client, server }[role];
    const read = role === 'client' ? 'handshake' : 'application';
    const raw = new RawPeer(target, { write: 'handshake', read });
    const turn = raw.deliver(raw.alert('close_notify', 1));
    expect(summary(turn.events)).toEqual(['failed received close_notify']);
    expect(turn.output).toHaveLength(0);
  });

  it("takes the transport's end for a truncation, behind all that was received", async () => {
    const { target, raw } = await rawPeerOf(role);
    const turn = target.turn((engine) => {
      engine.receive(raw.data('one'));
      engine.receive(raw.data('two'));
      engine.receiveEnd();
    });
    expect(summary(turn.events)).toEqual(['data "one"', 'data "two"', 'failed TLS_TRUNCATED']);
    expect(truncation(turn.events).atRecordBoundary).toBe(true);
    expect(target.turn().events).toEqual([]);
  });

  it('tells an end inside a record, or inside a message, from one on a boundary', async () => {
    const within = await rawPeerOf(role);
    within.raw.deliver(within.raw.data('x'), within.raw.data('cut off').subarray(0, 7));
    expect(truncation(within.target.receiveEnd().events).atRecordBoundary).toBe(false);
    const header = await rawPeerOf(role);
    header.raw.deliver(header.raw.data('cut off').subarray(0, 1));
    expect(truncation(header.target.receiveEnd().events).atRecordBoundary).toBe(false);
    const message = await rawPeerOf('client');
    message.raw.deliver(message.raw.handshake(newSessionTicket().subarray(0, 10)));
    expect(truncation(message.target.receiveEnd().events).atRecordBoundary).toBe(false);
  });

  it('during the handshake the end is fatal, and nothing is sent', async () => {
    const { client, server } = await newPair();
    const hello = client.turn().output;
    if (role === 'server') server.receive(hello);
    const endpoint = { client, server }[role];
    const turn = endpoint.receiveEnd();
    expect(truncation(turn.events).atRecordBoundary).toBe(false);
    expect(turn.output).toHaveLength(0);
    expect(endpoint.engine.failure).toBeInstanceOf(TlsTruncatedError);
    expect(endpoint.engine.writeClosed).toBe(true);
  });

  it('an end before the first byte is a truncation too', async () => {
    const { [role]: endpoint } = await newPair();
    expect(summary(endpoint.receiveEnd().events)).toEqual(['failed TLS_TRUNCATED']);
  });

  it('an end behind close_notify says nothing more', async () => {
    const { target, raw } = await rawPeerOf(role);
    const turn = target.turn((engine) => {
      engine.receive(raw.alert('close_notify', 1));
      engine.receiveEnd();
    });
    expect(summary(turn.events)).toEqual(['end']);
  });
});

describe.each(roles)('law 5, independent halves: a %s', (role) => {
  const settings = { server: { tickets: { count: 0 } } };

  it('still writes behind a truncated end, what is owed ahead', async () => {
    const { target, raw } = await rawPeerOf(role, settings);
    raw.deliver(raw.keyUpdate('update_requested'));
    target.receiveEnd();
    expect(target.engine.failure).toBeUndefined();
    expect(raw.hear(target.send('still here'))).toEqual([
      'key_update update_not_requested',
      'data "still here"',
    ]);
    expect(raw.hear(target.closeWrite())).toEqual(['warning close_notify']);
  });

  it('still reads when it has said all that it had to say', async () => {
    const { target, raw } = await rawPeerOf(role, settings);
    target.closeWrite();
    expect(summary(raw.deliver(raw.data('heard')).events)).toEqual(['data "heard"']);
  });

  it('gives what was decrypted before a fatal alert, and then that alert', async () => {
    const { raw } = await rawPeerOf(role);
    const turn = raw.deliver(raw.data('one'), raw.data('two'), raw.alert('bad_certificate'));
    expect(summary(turn.events)).toEqual(['data "one"', 'data "two"', 'failed received bad_certificate']);
  });

  it('keeps input for whoever asks later, one record per event', async () => {
    const { target, raw } = await rawPeerOf(role);
    const { engine }: Endpoint = target;
    engine.receive(raw.data('one'));
    engine.receive(raw.data('two'));
    engine.receive(raw.alert('internal_error'));
    expect(summary([engine.next() as ConnectionEvent])).toEqual(['data "one"']);
    expect(engine.failure).toBeUndefined();
    engine.send(new Uint8Array(1));
    expect(summary([engine.next() as ConnectionEvent])).toEqual(['data "two"']);
    expect(summary([engine.next() as ConnectionEvent])).toEqual(['failed received internal_error']);
    expect(engine.next()).toBeUndefined();
  });
});

function truncation(events: readonly ConnectionEvent[]): TlsTruncatedError {
  const [last] = events.slice(-1);
  if (last?.type !== 'failed' || !(last.error instanceof TlsTruncatedError)) throw new Error('no truncation');
  return last.error;
}
