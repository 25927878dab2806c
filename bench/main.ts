// `npm run bench [-- --quick] [--json]`; README.md says how every figure is taken.

import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { certificateFigures, fiveMicroseconds } from './certificate-figures.ts';
import { hostileFigures } from './hostile-figures.ts';
import { compare, type Effort, type Figure, median, microseconds } from './measure.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const effort: Effort = values.quick
  ? { repeats: 7, batch: 20, warmUp: 1_000 }
  : { repeats: 31, batch: 100, warmUp: 3_000 };

const figures: Figure[] = [];
for (const comparison of certificateFigures(values.quick)) {
  const figure = compare(comparison, effort);
  figures.push(figure);
  if (!values.json) console.log(line(figure));
}
for (const figure of hostileFigures(values.quick ? 5 : 15)) {
  figures.push(figure);
  if (!values.json) console.log(line(figure));
}
if (values.json) console.log(JSON.stringify(figures, undefined, 2));
else console.log(machine());

function line({ figure, unit, tacit, floor, ratio, low, high, target, met }: Figure): string {
  const number = (value: number | null): string => (value === null ? '' : value.toPrecision(3));
  const verdict = target === null ? 'no target' : `${met ? 'meets' : 'DOES NOT MEET'} ${number(target)}`;
  const sides = `Tacit ${number(tacit)} ${unit}${floor === null ? '' : `, floor ${number(floor)} ${unit}`}`;
  return `${figure}\n  ${sides}; ratio ${number(ratio)} (${number(low)} to ${number(high)}), ${verdict}`;
}

/** The machine, and how much its own speed varied. */
function machine(): string {
  const loops = Array.from({ length: 31 }, () => microseconds(fiveMicroseconds, 2_000));
  const spread = (Math.max(...loops) / Math.min(...loops) - 1) * 100;
  const loop = `the fixed loop takes ${median(loops).toPrecision(3)} µs, spread ${spread.toFixed(0)} %`;
  return `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} processors, Node ${process.versions.node}; ${loop}`;
}
