import { SingleBar } from 'cli-progress';
import { formatCount } from './format.ts';

/** How far something has come, shown on a terminal and nowhere else. */
export interface Progress {
  /** @param value how much is done; `note` is shown beside it */
  update(value: number, note?: string): void;
  /** Takes the bar off the screen. */
  stop(): void;
}

const silent: Progress = { update() {}, stop() {} };

/**
 * A bar on stderr if that is a terminal.
 * @param total undefined where it is not known: then only the count is shown
 * @param unit what is counted
 */
export function startProgress(total: number | undefined, unit: string): Progress {
  if (!process.stderr.isTTY) return silent;
  const bar = new SingleBar({
    stream: process.stderr,
    format:
      total === undefined
        ? `  {value} ${unit} {note}`
        : `  [{bar}] {percentage}%  {value} of {total} ${unit} {note}`,
    formatValue: (value, _options, type) => (type === 'percentage' ? String(value) : formatCount(value)),
    barsize: 30,
    clearOnComplete: true,
  });
  bar.start(total ?? 0, 0, { note: '' });
  return {
    update: (value, note = '') => bar.update(value, { note }),
    stop: () => bar.stop(),
  };
}
