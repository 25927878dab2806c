import { formatBytes, formatCount, formatTable, wrapText } from './format.ts';
import { clientStack } from './lab-client.ts';
import type { LabServer } from './lab-server.ts';

/** What one server made of uploads of one length; `--json` prints it as it is. */
export interface LabRow {
  readonly server: LabServer['name'];
  /** The TLS stack of the client that only writes. */
  readonly client: string;
  /** The length of the upload. */
  readonly bytes: number;
  readonly rounds: number;
  /** Rounds in which every byte arrived, and the end of it without an error. */
  readonly complete: number;
  /** In all rounds together. */
  readonly bytesLost: number;
  /** Rounds in which bytes were missing and the server's application saw no error. */
  readonly silentLosses: number;
  /** Session tickets that the server wrote, unasked, before its application wrote anything. */
  readonly ticketsBeforeData: number;
}

/** All that was measured. */
export interface LabReport {
  readonly rows: readonly LabRow[];
  /** The servers, with their versions. */
  readonly descriptions: readonly string[];
  /** The servers that could not take part, and why. */
  readonly skipped: readonly string[];
}

const headings = [
  'server',
  'upload',
  'complete',
  'bytes lost',
  'lost without an error',
  'tickets before data',
];

/** The report for a person: a table and what it means. */
export function reportText({ rows, descriptions, skipped }: LabReport): string {
  const table = rows.map((row) => [
    row.server,
    formatCount(row.bytes),
    `${formatCount(row.complete)} of ${formatCount(row.rounds)}`,
    formatCount(row.bytesLost),
    formatCount(row.silentLosses),
    formatCount(row.ticketsBeforeData),
  ]);
  return [
    'A client process that only writes uploads over TLS 1.3 and closes without reading;',
    'the server starts to read late.',
    '',
    `client:  ${clientStack}, reading stopped when its handshake was done`,
    ...descriptions.map((description, index) => `${index === 0 ? 'servers:' : '        '} ${description}`),
    ...skipped.map((reason) => `skipped: ${reason}`),
    '',
    formatTable([headings, ...table]),
    '',
    wrapText(conclusion(rows), 84),
  ].join('\n');
}

/** One sentence of what the numbers mean, whatever they are. */
function conclusion(rows: readonly LabRow[]): string {
  const tacit = rows.filter((row) => row.server === 'tacit');
  const others = rows.filter((row) => row.server !== 'tacit');
  if (tacit.some((row) => row.complete < row.rounds)) {
    return `Tacit did not receive every upload whole (${formatBytes(sum(tacit, 'bytesLost'))} lost): that is a fault of Tacit's, please report it with this table.`;
  }
  const lost = sum(others, 'bytesLost');
  if (lost === 0) {
    return 'Tacit received every upload whole; so did the others this time, which more rounds and other sizes (--rounds, --bytes) make less likely.';
  }
  const losers = new Set(others.filter((row) => row.bytesLost > 0).map((row) => row.server));
  return `${[...losers].join(' and ')} had written session tickets that the client never read, so its close became a reset and ${formatBytes(lost)} that it had written were thrown away; Tacit writes nothing before its application does, and received every upload whole.`;
}

function sum(rows: readonly LabRow[], column: 'bytesLost'): number {
  return rows.reduce((total, row) => total + row[column], 0);
}
