import { type BarePrimitives, barePrimitives } from './bare.ts';
import type { KeyKind } from './certificates.ts';
import { newSetup } from './credentials.ts';
import type { LaneReport } from './lane.ts';
import { type Form, formPrefixes, race, rateRow, rowOf, sameOnBothSides } from './lane-figures.ts';
import { type LaneSetup, primingConnections, type Work } from './lane-protocol.ts';
import type { Figure } from './measure.ts';

export interface HandshakeEffort {
  readonly repeats: number;
  readonly handshakes: number;
  /** As many times `handshakes`, before what counts. */
  readonly warmUps: number;
  readonly isQuick: boolean;
  /** The face has the first two figures, and no targets. */
  readonly form?: Form;
}

interface Scenario {
  readonly name: string;
  readonly kind: KeyKind;
  readonly primitives: 'full' | 'mutual' | 'resumed';
  readonly setup: () => LaneSetup;
  readonly targets: { readonly server: number | null; readonly client: number | null };
}

const scenarios: readonly Scenario[] = [
  {
    name: 'full handshake, ECDSA P-256',
    kind: 'ECDSA P-256',
    primitives: 'full',
    setup: () => newSetup('ECDSA P-256'),
    targets: { server: 1.8, client: 1.8 },
  },
  {
    name: 'resumed handshake',
    kind: 'ECDSA P-256',
    primitives: 'resumed',
    setup: () => ({ ...newSetup('ECDSA P-256'), resumes: true }),
    targets: { server: 1.5, client: 1.8 },
  },
  {
    name: 'full handshake, RSA-2048',
    kind: 'RSA-2048',
    primitives: 'full',
    setup: () => newSetup('RSA-2048'),
    targets: { server: null, client: null },
  },
  {
    name: 'full handshake with a client certificate, ECDSA P-256',
    kind: 'ECDSA P-256',
    primitives: 'mutual',
    setup: () => newSetup('ECDSA P-256', { authenticatesClient: true }),
    targets: { server: null, client: null },
  },
];

const sides = ['server', 'client'] as const;

/** Connection, handshake and close: the processor's time of each side. */
export async function* handshakeFigures(effort: HandshakeEffort): AsyncGenerator<Figure> {
  for (const scenario of effort.isQuick || effort.form === 'face' ? scenarios.slice(0, 2) : scenarios)
    yield* figuresOf(scenario, effort);
}

async function* figuresOf(scenario: Scenario, effort: HandshakeEffort): AsyncGenerator<Figure> {
  const { handshakes, warmUps, repeats, isQuick, form = 'tacit' } = effort;
  const setup = scenario.setup();
  const work: Work = { kind: 'handshakes', count: handshakes, atOnce: primingConnections };
  const reports = await race({
    contenders: {
      ...sameOnBothSides(setup, form),
      tacitServer: { server: form, client: 'node:tls', setup },
      tacitClient: { server: 'node:tls', client: form, setup },
    },
    // Some first, which give the others sessions to resume; then until the compiler is done.
    prepare: () => [
      { kind: 'handshakes', count: primingConnections, atOnce: primingConnections },
      ...Array<Work>(warmUps).fill(work),
    ],
    work: () => work,
    repeats,
  });
  const bare = reports.net.map(() => barePrimitives(scenario.kind, scenario.primitives, isQuick ? 50 : 200));
  const cpu = (of: readonly LaneReport[], side: keyof BarePrimitives): number[] =>
    of.map((report) => report[side] / handshakes);
  for (const side of sides) {
    const nodeTls = cpu(reports.nodeTls, side);
    const floor = cpu(reports.net, side).map((microseconds, i) => microseconds + bare[i]![side]);
    const common = { unit: 'µs CPU', nodeTls, floor };
    const figure = `${formPrefixes[form]}${scenario.name}, ${side}`;
    const target = form === 'tacit' ? scenario.targets[side] : null;
    yield rowOf({ ...common, figure, tacit: cpu(reports.tacit, side), target, against: 'nodeTls' });
    const mixed = side === 'server' ? reports.tacitServer : reports.tacitClient;
    const peer = side === 'server' ? 'client' : 'server';
    yield rowOf({
      ...common,
      figure: `${figure}, whose ${peer} is node:tls`,
      tacit: cpu(mixed, side),
      target: null,
      against: 'nodeTls',
    });
  }
  yield rateRow(`${formPrefixes[form]}${scenario.name}`, 'handshakes/s', reports, handshakes);
}
