import { describe, expect, it } from 'vitest';
import { noBytes, utf8 } from '../../src/base/bytes.ts';
import { TlsUsageError } from '../../src/base/errors.ts';
import { establishedPair, hex, newPair, summary } from '../support/engine.ts';
import { rawPeerOf } from '../support/raw-peer.ts';

const roles = ['client', 'server'] as const;

describe('law 2, prefix: what TLS owes the peer', () => {
  it('leaves ahead of the application write that releases it, in order, in one transport write', async () => {
    const { target, raw } = await rawPeerOf('server');
    raw.deliver(raw.keyUpdate('update_requested'));
    const turn = target.turn((engine) => {
      engine.updateKeys();
      engine.send(utf8('data'));
    });
    expect(raw.hear(turn)).toEqual([
      'key_update update_not_requested',
      'new_session_ticket',
      'new_session_ticket',
      'key_update update_requested',
      'data "data"',
    ]);
  });

  it('leaves once: nothing that TLS made trails the last application byte', async () => {
    const { target, raw } = await rawPeerOf('server');
    raw.deliver(raw.keyUpdate('update_requested'));
    const heard = raw.hear(target.send('first'));
    expect(heard.at(-1)).toBe('data "first"');
    expect(target.turn().output).toHaveLength(0);
    expect(raw.hear(target.send('second'))).toEqual(['data "second"']);
  });

  it.each(roles)('stays where `send` of nothing is called (%s)', async (role) => {
    const { target, raw } = await rawPeerOf(role, { server: { tickets: { count: 1 } } });
    raw.deliver(raw.keyUpdate('update_requested'));
    for (const nothing of [noBytes, [], [noBytes, noBytes]]) {
      expect(target.turn((engine) => engine.send(nothing)).output).toHaveLength(0);
    }
    const heard = raw.hear(target.turn((engine) => engine.send([noBytes, utf8('a'), noBytes, utf8('b')])));
    const tickets = role === 'server' ? ['new_session_ticket'] : [];
    expect(heard).toEqual(['key_update update_not_requested', ...tickets, 'data "ab"']);
  });

  it('that came between two writes goes between them, also where both leave at once', async () => {
    const { target, raw } = await rawPeerOf('client');
    const turn = target.turn((engine) => {
      engine.send(utf8('before'));
      engine.receive(raw.keyUpdate('update_requested'));
      engine.next();
      engine.send(utf8('after'));
    });
    expect(raw.hear(turn)).toEqual(['data "before"', 'key_update update_not_requested', 'data "after"']);
  });

  it.each(roles)('is one acknowledgement, however many KeyUpdates asked for it (%s)', async (role) => {
    const { target, raw } = await rawPeerOf(role, { server: { tickets: { count: 0 } } });
    for (let i = 0; i < 100; i++) raw.deliver(raw.keyUpdate('update_requested'), raw.data('x'));
    expect(raw.hear(target.send('answer'))).toEqual(['key_update update_not_requested', 'data "answer"']);
  });
});

describe('law 4, no waiting', () => {
  it("completes a server's handshake on the client's Finished, without a byte more in either direction", async () => {
    const { client, server } = await newPair();
    const flight = server.receive(client.turn().output);
    expect(summary(flight.events)).toEqual([]);
    const finished = client.receive(flight.output);
    expect(summary(finished.events)).toEqual(['handshakeDone']);
    const allButOne = server.receive(finished.output.subarray(0, -1));
    expect(summary(allButOne.events)).toEqual([]);
    const last = server.receive(finished.output.subarray(-1));
    expect(summary(last.events)).toEqual(['handshakeDone']);
    expect(last.output).toHaveLength(0);
  });

  it('sends nothing behind the handshake, on either side', async () => {
    const { client, server } = await establishedPair();
    expect(client.writes).toHaveLength(2);
    expect(server.writes).toHaveLength(1);
    expect(client.turn().output).toHaveLength(0);
    expect(server.turn().output).toHaveLength(0);
  });
});

it.each(roles)(
  'an application write of a %s before its handshake is done is a mistake, and emits nothing',
  async (role) => {
    const { client, server } = await newPair();
    const hello = client.turn().output;
    if (role === 'server') server.receive(hello);
    const endpoint = { client, server }[role];
    expect(() => endpoint.engine.send(utf8('x'))).toThrow(TlsUsageError);
    expect(() => endpoint.engine.updateKeys()).toThrow(TlsUsageError);
    expect(() => endpoint.engine.sendTickets(1)).toThrow(TlsUsageError);
    expect(endpoint.turn().output).toHaveLength(0);
  },
);

describe('emitted bytes are immutable and ordered', () => {
  it.each(roles)('what was taken never changes, whatever happens later (%s)', async (role) => {
    const { target, raw } = await rawPeerOf(role);
    const taken: { readonly parts: readonly Uint8Array[]; readonly asTaken: string[] }[] = [];
    const keep = ({ parts }: { readonly parts: readonly Uint8Array[] }): void => {
      taken.push({ parts, asTaken: parts.map(hex) });
    };
    keep(target.turn((engine) => engine.send([utf8('small'), new Uint8Array(40_000).fill(1)])));
    keep(target.turn((engine) => engine.updateKeys()));
    raw.deliver(raw.keyUpdate('update_requested'), raw.data('x'));
    keep(target.send('again'));
    keep(target.closeWrite());
    target.turn((engine) => engine.abandon());
    for (const { parts, asTaken } of taken) expect(parts.map(hex)).toEqual(asTaken);
  });

  it.each(roles)('a key change does not seal again what was sealed before it (%s)', async (role) => {
    const { target, raw } = await rawPeerOf(role, { server: { tickets: { count: 0 } } });
    const turn = target.turn((engine) => {
      engine.send(utf8('old key'));
      engine.updateKeys();
      engine.send(utf8('new key'));
      engine.updateKeys();
      engine.closeWrite();
    });
    expect(raw.hear(turn)).toEqual([
      'data "old key"',
      'key_update update_requested',
      'data "new key"',
      'key_update update_not_requested',
      'warning close_notify',
    ]);
  });

  it('are not views of the data that was sent', async () => {
    const { target, raw } = await rawPeerOf('client');
    const data = utf8('as it was');
    target.engine.send(data);
    data.fill(0);
    expect(raw.hear(target.turn())).toEqual(['data "as it was"']);
  });

  it('leave also where the connection fails before they are taken, ahead of the alert', async () => {
    const { target, raw } = await rawPeerOf('client');
    const turn = target.turn((engine) => {
      engine.send(utf8('before'));
      engine.receive(raw.record(22, noBytes));
    });
    expect(raw.hear(turn)).toEqual(['data "before"', 'fatal unexpected_message']);
  });
});
