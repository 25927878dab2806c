import { describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import { maxBufferedInput } from '../../src/base/limits.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { newPair, summary } from '../support/engine.ts';
import { plaintextRecord, rawPeerOf } from '../support/raw-peer.ts';

const roles = ['client', 'server'] as const;

describe.each(roles)('wantsInput, of a %s', (role) => {
  it('is false while 64 KiB wait for `next`, and true again when they are taken', async () => {
    const { target, raw } = await rawPeerOf(role);
    const { engine } = target;
    const record = raw.data('x'.repeat(16_384 - 22));
    expect(record.length).toBe(maxBufferedInput / 4);
    expect(engine.wantsInput).toBe(true);
    engine.receive(record);
    for (let i = 0; i < 3; i++) {
      expect(engine.wantsInput).toBe(true);
      engine.receive(raw.data('x'.repeat(16_384 - 22)));
    }
    expect(engine.wantsInput).toBe(false);
    expect(engine.next()?.type).toBe('data');
    expect(engine.wantsInput).toBe(true);
    expect(target.turn().events).toHaveLength(3);
  });

  it('a record that comes in pieces is no reason to pause', async () => {
    const { target, raw } = await rawPeerOf(role);
    const record = raw.data('x'.repeat(16_384));
    for (let at = 0; at < record.length; at += 100) {
      expect(target.engine.wantsInput).toBe(true);
      target.receive(record.subarray(at, at + 100));
    }
    expect(target.events.at(-1)?.type).toBe('data');
  });

  it('is false at every end', async () => {
    const closed = await rawPeerOf(role);
    closed.raw.deliver(closed.raw.alert('close_notify', 1));
    expect(closed.target.engine.wantsInput).toBe(false);
    const failed = await rawPeerOf(role);
    failed.raw.deliver(plaintextRecord(99, noBytes));
    expect(failed.target.engine.wantsInput).toBe(false);
    const ended = await rawPeerOf(role);
    ended.target.engine.receiveEnd();
    expect(ended.target.engine.wantsInput).toBe(false);
    const { [role]: abandoned } = await newPair();
    abandoned.engine.abandon();
    expect(abandoned.engine.wantsInput).toBe(false);
  });

  it("is true while our own direction is closed and the peer's is not", async () => {
    const { target } = await rawPeerOf(role);
    target.closeWrite();
    expect(target.engine.wantsInput).toBe(true);
  });
});

describe.each(roles)('input is bounded, at a %s', (role) => {
  it('one record is opened at a time, when it is asked for', async () => {
    let opened = 0;
    const provider: CryptoProvider = {
      ...nodeCrypto,
      aead(algorithm, key) {
        const aead = nodeCrypto.aead(algorithm, key);
        return {
          seal: (run) => aead.seal(run),
          open(run): Uint8Array[] {
            opened += run.length;
            return aead.open(run);
          },
        };
      },
    };
    const { target, raw } = await rawPeerOf(role, { [role]: { provider } });
    opened = 0;
    for (let i = 0; i < 10; i++) target.engine.receive(raw.data('x'));
    expect(opened).toBe(0);
    for (let i = 1; i <= 10; i++) {
      expect(target.engine.next()?.type).toBe('data');
      expect(opened).toBe(i);
    }
  });

  it('behind close_notify no more is kept than 64 KiB and a chunk', async () => {
    const { target, raw } = await rawPeerOf(role);
    raw.deliver(raw.alert('close_notify', 1));
    for (let i = 0; i < 100; i++) target.receive(new Uint8Array(1000));
    expect(target.engine.takeTrailing()).toHaveLength(66_000);
  });

  it('a failed connection keeps nothing', async () => {
    const { target, raw } = await rawPeerOf(role);
    const turn = target.receive(plaintextRecord(99, noBytes), raw.data('x'), new Uint8Array(50_000));
    expect(summary(turn.events)).toEqual(['failed unexpected_message']);
    target.receive(new Uint8Array(50_000));
    expect(target.engine.takeTrailing()).toHaveLength(0);
  });
});
