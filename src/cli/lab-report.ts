import { formatBytes, formatCount, formatTable, wrapText } from './format.ts';
import { clientStack } from './lab-client.ts';
import type { LabServer } from './lab-server.ts';
import type { TlsVersion } from './tls-version.ts';

/** What one server made of uploads of one length; `--json` prints it as it is. */
export interface LabRow {
  readonly server: LabServer['name'];
  /** The TLS stack of the client that only writes. */
  readonly client: string;
  /** The version of TLS that both spoke. */
  readonly tls: TlsVersion;
  /** The length of the upload. */
  readonly bytes: number;
  readonly rounds: number;
  /** Rounds in which every byte arrived, and the end of it without an error. */
  readonly complete: number;
  /** In all rounds together. */
  readonly bytesLost: number;
  /** Rounds in which bytes were missing and the server's application saw no error. */
  readonly silentLosses: number;
  /** Session tickets that the server wrote, unasked, behind the handshake and before its application wrote anything. */
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
  const versions = [...new Set(rows.map((row) => row.tls))].sort().reverse();
  const table = rows.map((row) => [
    versions.length > 1 ? `${row.server} (TLS ${row.tls})` : row.server,
    formatCount(row.bytes),
    `${formatCount(row.complete)} of ${formatCount(row.rounds)}`,
    formatCount(row.bytesLost),
    formatCount(row.silentLosses),
    formatCount(row.ticketsBeforeData),
  ]);
  return [
    `A client process that only writes uploads over TLS ${versions.join(' and ')} and closes without reading;`,
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
  const broken = others.filter((row) => row.complete < row.rounds);
  if (broken.length === 0) return conclusionOfNoLoss(rows);
  const losers = others.filter((row) => row.bytesLost > 0);
  if (losers.length === 0) {
    return `Tacit received every upload whole; ${namesOf(broken)} received every byte too, but not every end without an error.`;
  }
  const lost = formatBytes(sum(losers, 'bytesLost'));
  if (losers.some((row) => row.ticketsBeforeData === 0)) {
    return `${namesOf(losers)} lost ${lost}, and not only by session tickets that the client never read; Tacit received every upload whole.`;
  }
  return `${namesOf(losers)} had written session tickets that the client never read, so its close became a reset and ${lost} that it had written were thrown away; Tacit writes nothing before its application does, and received every upload whole.`;
}

function conclusionOfNoLoss(rows: readonly LabRow[]): string {
  if (rows.some((row) => row.ticketsBeforeData > 0)) {
    return 'Tacit received every upload whole; so did the others this time, which more rounds and other sizes (--rounds, --bytes) make less likely.';
  }
  if (rows.every((row) => row.tls === '1.2')) {
    return 'Every server received every upload whole: in TLS 1.2 a session ticket comes within the handshake, while the client still reads, and none was written behind it; what becomes of the uploads over TLS 1.3, --tls 1.3 shows.';
  }
  return 'Every server received every upload whole: none had written a session ticket behind the handshake, where the client reads no more.';
}

function namesOf(rows: readonly LabRow[]): string {
  return [...new Set(rows.map((row) => row.server))].join(' and ');
}

function sum(rows: readonly LabRow[], column: 'bytesLost'): number {
  return rows.reduce((total, row) => total + row[column], 0);
}
