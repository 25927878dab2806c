/** Something that happened at one end, or that went from one end to the other. */
export type TraceEntry = TraceNote | TraceArrow;

export interface TraceNote {
  readonly kind: 'note';
  /** In ticks. */
  readonly time: number;
  /** At which end: its place in the pair. */
  readonly end: 0 | 1;
  /** A call and what it gave: `write`, `half-close`, `ECONNRESET`. */
  readonly text: string;
  /** What the call moved, or what was lost. */
  readonly bytes?: number | undefined;
}

export interface TraceArrow {
  readonly kind: 'arrow';
  readonly time: number;
  readonly end: 0 | 1;
  readonly text: 'data' | 'FIN' | 'RST';
  readonly bytes?: number | undefined;
  readonly arrives: number;
}

/** Who did what when on a connection. `toString()` draws it. */
export class Trace {
  readonly names: readonly [string, string];
  readonly entries: readonly TraceEntry[] = [];

  constructor(names: readonly [string, string]) {
    this.names = names;
  }

  add(entry: TraceEntry): void {
    (this.entries as TraceEntry[]).push(entry);
  }

  /** Two lifelines with arrows between them; what goes on and on is one line for each end, with the time of its beginning. */
  toString(): string {
    return draw(this.names, grouped(this.entries));
  }
}

interface Line {
  readonly entry: TraceEntry;
  readonly bytes: number | undefined;
  readonly count: number;
}

const arrowLength = 38;
const transferring: readonly string[] = ['write', 'data', 'read'];

function grouped(entries: readonly TraceEntry[]): readonly Line[] {
  const lines: Line[] = [];
  for (const entry of entries) {
    const place = likeLine(lines, entry);
    const like = lines[place];
    if (like === undefined) {
      lines.push({ entry, bytes: entry.bytes, count: 1 });
    } else {
      const bytes = like.bytes === undefined ? undefined : like.bytes + (entry.bytes ?? 0);
      lines[place] = { entry: like.entry, bytes, count: like.count + 1 };
    }
  }
  return lines;
}

/** The line that says the same, unless something else than the going on of a transfer has come after it. */
function likeLine(lines: readonly Line[], entry: TraceEntry): number {
  for (let i = lines.length - 1; i >= 0 && i >= lines.length - 3; i--) {
    const other = lines[i]?.entry;
    if (other?.kind === entry.kind && other.end === entry.end && other.text === entry.text) return i;
    if (other === undefined || !transferring.includes(other.text)) break;
  }
  return -1;
}

function draw(names: readonly [string, string], lines: readonly Line[]): string {
  const notes = lines.map(({ entry, ...line }) => (entry.kind === 'note' ? note(entry, line) : ''));
  const left = notes.filter((_, i) => lines[i]?.entry.end === 0);
  const width = Math.max(names[0].length, ...left.map((text) => text.length));
  const timeWidth = Math.max(4, ...lines.map(({ entry }) => String(entry.time).length));
  const row = (time: string, there: string, between: string, here: string): string =>
    `${time.padStart(timeWidth)}  ${there.padStart(width)} │${between}│ ${here}`.trimEnd();
  const empty = ' '.repeat(arrowLength);
  const rows = lines.map(({ entry, ...line }, i) => {
    const time = String(entry.time);
    if (entry.kind === 'arrow')
      return row(time, '', arrow(entry, line), entry.arrives > entry.time ? `at ${entry.arrives}` : '');
    const text = notes[i] ?? '';
    return entry.end === 0 ? row(time, text, empty, '') : row(time, '', empty, text);
  });
  return [row('time', names[0], empty, names[1]), ...rows].join('\n');
}

function note({ text }: TraceNote, { bytes, count }: Omit<Line, 'entry'>): string {
  const words = bytes === undefined ? text : `${text} ${bytes}`;
  return count > 1 ? `${words} (${count} times)` : words;
}

function arrow({ text, end }: TraceArrow, { bytes, count }: Omit<Line, 'entry'>): string {
  const size = bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const label = text === 'data' ? (count > 1 ? `${size} in ${count}` : size) : text;
  const [shaft, tail, tip] =
    text === 'RST' ? ['╌', '✕', end === 0 ? '▶' : '◀'] : ['─', '─', end === 0 ? '▶' : '◀'];
  const free = arrowLength - label.length - 4;
  const before = shaft.repeat(Math.floor(free / 2));
  const after = shaft.repeat(Math.ceil(free / 2));
  const middle = `${before} ${label} ${after}`;
  return end === 0 ? `${tail}${middle}${tip}` : `${tip}${middle}${tail}`;
}
