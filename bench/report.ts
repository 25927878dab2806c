import { cpus } from 'node:os';
import { fiveMicroseconds } from './certificate-figures.ts';
import { type Figure, median, microseconds } from './measure.ts';

/** One figure in two lines for people. */
export function line({ figure, unit, tacit, nodeTls, floor, ratio, low, high, target, met }: Figure): string {
  const number = (value: number): string => Number(value.toPrecision(3)).toString();
  const verdict = target === null ? 'no target' : `${met ? 'meets' : 'DOES NOT MEET'} ${number(target)}`;
  const sides = [`Tacit ${number(tacit)} ${unit}`];
  if (nodeTls !== null) sides.push(`node:tls ${number(nodeTls)}`);
  if (floor !== null) sides.push(`floor ${number(floor)}`);
  return `${figure}\n  ${sides.join(', ')}; ratio ${number(ratio)} (${number(low)} to ${number(high)}), ${verdict}`;
}

/** The machine, and how much its own speed varied: of a fixed loop, and of the figures themselves. */
export function machine(figures: readonly Figure[]): string {
  const loops = Array.from({ length: 31 }, () => microseconds(fiveMicroseconds, 2_000));
  const spread = (Math.max(...loops) / Math.min(...loops) - 1) * 100;
  const loop = `the fixed loop takes ${median(loops).toPrecision(3)} µs, spread ${spread.toFixed(0)} %`;
  const widths = figures.map(({ low, high, ratio }) => ((high - low) / ratio) * 100);
  const noise = `the intervals of the ratios are ${median(widths).toFixed(0)} % wide in the middle, ${Math.max(...widths).toFixed(0)} % at most`;
  return `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} processors, Node ${process.versions.node}; ${loop}; ${noise}`;
}
