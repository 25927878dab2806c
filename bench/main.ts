// `npm run bench [-- --quick] [--json] [--only GROUP] [--plots DIRECTORY]`; README.md says how every figure is taken.

import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { bulkFigures } from './bulk-figures.ts';
import { certificateFigures } from './certificate-figures.ts';
import { engineFigures } from './engine-figures.ts';
import { growthFigures } from './growth-figures.ts';
import { handshakeFigures } from './handshake-figures.ts';
import { hostileFigures } from './hostile-figures.ts';
import { compare, type Effort, type Figure } from './measure.ts';
import { memoryFigures } from './memory-figures.ts';
import { messageFigures } from './message-figures.ts';
import { line, machine } from './report.ts';
import { webFigures } from './web-figures.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    plots: { type: 'string' },
  },
});
const { quick: isQuick, only } = values;

const efforts = isQuick
  ? {
      handshakes: { isQuick, repeats: 3, warmUps: 0, handshakes: 60 },
      bulk: { isQuick, repeats: 3, bytes: 2 ** 25 },
      messages: { isQuick, repeats: 3, messages: 4_800 },
    }
  : {
      handshakes: { isQuick, repeats: 15, warmUps: 12, handshakes: 300 },
      bulk: { isQuick, repeats: 15, bytes: 2 ** 28 },
      messages: { isQuick, repeats: 15, messages: 32_000 },
    };

const groups: Readonly<Record<string, () => AsyncIterable<Figure> | Iterable<Figure>>> = {
  handshakes: () => handshakeFigures(efforts.handshakes),
  bulk: () => bulkFigures(efforts.bulk),
  messages: () => messageFigures(efforts.messages),
  engine: () => engineFigures(isQuick),
  memory: () => memoryFigures({ isQuick, repeats: isQuick ? 1 : 15, repeatsOfMany: 3 }),
  growth: () => growthFigures({ isQuick, repeats: 15, plots: values.plots }),
  certificates: () => comparedCertificates(),
  hostile: () => hostileFigures(isQuick ? 3 : 15),
  face: () => faceFigures(),
};
if (only !== undefined && groups[only] === undefined)
  throw new Error(`--only takes one of ${Object.keys(groups).join(', ')}, not ${only}`);

if (values.plots !== undefined) {
  if (isQuick) throw new Error('--plots draws what grows, which --quick does not measure');
  mkdirSync(values.plots, { recursive: true });
}

const figures: Figure[] = [];
for (const [name, group] of Object.entries(groups)) {
  // These take longer than a smoke run may.
  if (only === undefined ? isQuick && (name === 'hostile' || name === 'face') : only !== name) continue;
  for await (const figure of group()) {
    figures.push(figure);
    // A long run that is cut has said what it knew.
    if (values.json) console.error(line(figure));
    else console.log(line(figure));
  }
}
if (values.json) console.log(JSON.stringify(figures, undefined, 2));
else console.log(machine(figures));

/** `tacit-tls/node`, and `https` and `http2` on it. */
async function* faceFigures(): AsyncGenerator<Figure> {
  yield* handshakeFigures({ ...efforts.handshakes, form: 'face' });
  yield* bulkFigures({ ...efforts.bulk, form: 'face' });
  yield* messageFigures({ ...efforts.messages, form: 'face' });
  yield* webFigures(
    isQuick
      ? { repeats: 3, requests: 2_000, bytes: 2 ** 24 }
      : { repeats: 15, requests: 8_000, bytes: 2 ** 27 },
  );
}

function* comparedCertificates(): Generator<Figure> {
  const effort: Effort = isQuick
    ? { repeats: 7, batch: 10, warmUp: 300 }
    : { repeats: 31, batch: 100, warmUp: 3_000 };
  for (const comparison of certificateFigures(isQuick)) yield compare(comparison, effort);
}
