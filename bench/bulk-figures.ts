import type { Tls13CipherSuiteName } from '../src/wire/names.ts';
import { bareCipher, recordLength } from './bare.ts';
import { newSetup } from './credentials.ts';
import type { LaneReport } from './lane.ts';
import { type Form, formPrefixes, race, rateRow, rowOf, sameOnBothSides } from './lane-figures.ts';
import { type Figure, microseconds } from './measure.ts';

export interface BulkEffort {
  readonly repeats: number;
  readonly bytes: number;
  readonly isQuick: boolean;
  /** The face has one cipher alone, and no targets. */
  readonly form?: Form;
}

const suites: readonly Tls13CipherSuiteName[] = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
];

/** A tenth more than what nobody can do without. */
const target = 1 / 1.1;

/** One way over loopback: the processor's time of each side for a byte. */
export async function* bulkFigures(effort: BulkEffort): AsyncGenerator<Figure> {
  const { repeats, bytes, isQuick, form = 'tacit' } = effort;
  for (const cipherSuite of isQuick || form === 'face' ? suites.slice(0, 1) : suites) {
    const setup = { ...newSetup('ECDSA P-256'), cipherSuite };
    const work = { kind: 'upload', bytes } as const;
    const reports = await race({
      contenders: sameOnBothSides(setup, form),
      prepare: () => [work],
      work: () => work,
      repeats,
    });
    const cipher = bareCipher(cipherSuite, recordLength);
    const records = bytes / recordLength / 4;
    const ways = [
      { name: 'sent', side: 'client', bare: () => microseconds(cipher.seal, records) },
      { name: 'received', side: 'server', bare: () => microseconds(cipher.open, records) },
    ] as const;
    for (const { name, side, bare } of ways) {
      const perByte = (of: readonly LaneReport[]): number[] =>
        of.map((report) => (report[side] / bytes) * 1000);
      bare();
      const floor = perByte(reports.net).map((plain) => plain + (bare() / recordLength) * 1000);
      const common = {
        unit: 'ns CPU/B',
        tacit: perByte(reports.tacit),
        nodeTls: perByte(reports.nodeTls),
        floor,
      };
      const figure = `${formPrefixes[form]}bulk ${name}, ${cipherSuite}`;
      if (form === 'tacit')
        yield rowOf({ ...common, figure: `${figure}, against net and the cipher`, target, against: 'floor' });
      yield rowOf({ ...common, figure, target: null, against: 'nodeTls' });
    }
    yield rateRow(`${formPrefixes[form]}bulk, ${cipherSuite}`, 'MB/s', reports, bytes / 1e6);
  }
}
