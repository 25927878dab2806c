import { expect, test } from 'vitest';
import { type LabRow, reportText } from '../../src/cli/lab-report.ts';

const whole = { client: 'a client', bytes: 1_000, rounds: 3, complete: 3, bytesLost: 0, silentLosses: 0 };
const lossy = { ...whole, complete: 0, bytesLost: 700, silentLosses: 3 };

function row(server: LabRow['server'], tls: LabRow['tls'], rest: Omit<LabRow, 'server' | 'tls'>): LabRow {
  return { server, tls, ...rest };
}

/** The lines of the report behind its table, on one line. */
function conclusion(...rows: readonly LabRow[]): string {
  const text = reportText({ rows, descriptions: [], skipped: [] });
  return text.slice(text.lastIndexOf('\n\n') + 2).replaceAll('\n', ' ');
}

const tacit = row('tacit', '1.3', { ...whole, ticketsBeforeData: 0 });

test('what the numbers mean is said as they are', () => {
  const ticketed = { ticketsBeforeData: 2 };
  const silent = { ticketsBeforeData: 0 };
  expect(conclusion(row('node:tls', '1.3', { ...lossy, ...ticketed }), tacit)).toMatch(
    /^node:tls had written session tickets .* 700 bytes .* Tacit .* received every upload whole\.$/,
  );
  expect(conclusion(row('node:tls', '1.3', { ...whole, ...ticketed }), tacit)).toMatch(
    /^Tacit received every upload whole; so did the others this time/,
  );
  expect(conclusion(row('node:tls', '1.3', { ...whole, ...silent }), tacit)).toMatch(
    /^Every server received every upload whole: none had written a session ticket behind the handshake/,
  );
  expect(
    conclusion(row('node:tls', '1.2', { ...whole, ...silent }), row('tacit', '1.2', { ...whole, ...silent })),
  ).toMatch(/^Every server received every upload whole: in TLS 1\.2 a session ticket comes within/);
  // Nobody is to be blamed on tickets that it has not written.
  expect(conclusion(row('node:tls', '1.2', { ...lossy, ...silent }), tacit)).toMatch(
    /^node:tls lost 700 bytes, and not only by session tickets/,
  );
  expect(conclusion(row('openssl', '1.3', { ...whole, complete: 2, ...silent }), tacit)).toMatch(
    /^Tacit received every upload whole; openssl received every byte too, but not every end/,
  );
  expect(conclusion(row('tacit', '1.2', { ...lossy, ...silent }))).toMatch(
    /^Tacit did not receive every upload whole \(700 bytes lost\)/,
  );
});

test('the version stands above the table, and in it where the servers differ', () => {
  const node = row('node:tls', '1.2', { ...whole, ticketsBeforeData: 0 });
  const text = reportText({ rows: [node, tacit], descriptions: [], skipped: [] });
  expect(text).toMatch(/^A client .* uploads over TLS 1\.3 and 1\.2 and closes without reading;\n/);
  expect(text).toMatch(/^node:tls \(TLS 1\.2\) +1,000 /m);
  expect(text).toMatch(/^tacit \(TLS 1\.3\) +1,000 /m);
});
