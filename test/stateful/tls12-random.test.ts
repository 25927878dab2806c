import { beforeAll, describe, expect, it } from 'vitest';
import type { Tally } from './support/campaign.ts';
import { changes } from './support/dice.ts';
import { campaign, makeWorlds } from './tls12/campaign.ts';

/** Seeds 1 to this. `tls12-random.soak.ts` goes on behind them. */
const runs = 800;

let tally: Tally;

beforeAll(async () => {
  tally = campaign(await makeWorlds(), 1, runs);
}, 180_000);

/** An honest peer with one to three steps changed at random: each run says its seed when it fails. */
describe(`${runs} random deviations in TLS 1.2: connected if, and only if, the model allows it`, () => {
  it('makes every kind of change', () => {
    const made = [...tally.changes.keys()].sort();
    expect(made).toEqual(changes.map(({ name }) => name).sort());
  });

  it('does both: what harms and what does not', () => {
    expect(tally.connected).toBeGreaterThan(runs / 6);
    expect(tally.notConnected).toBeGreaterThan(runs / 2);
  });

  it('brings the usual alerts, those of peers that are cut off, and connections', () => {
    const usual = [
      ...(['unexpected_message', 'bad_record_mac', 'illegal_parameter', 'decrypt_error'] as const),
      ...(['decode_error', 'unsupported_extension', 'unknown_ca', 'record_overflow'] as const),
      ...(['handshake_failure', 'protocol_version'] as const),
      ...(['in the handshake', 'connected, end', 'connected, established'] as const),
    ];
    expect([...tally.verdicts.keys()]).toEqual(expect.arrayContaining(usual));
  });
});
