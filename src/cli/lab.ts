import { parseArguments, parseWhole, requireFile, requirePositionals, UsageError } from './arguments.ts';
import type { Command } from './command.ts';
import { makeDevelopmentCertificate } from './development-certificate.ts';
import { clientStack } from './lab-client.ts';
import { startNodeServer } from './lab-node.ts';
import { findOpenssl, startOpensslServer } from './lab-openssl.ts';
import { type LabReport, type LabRow, reportText } from './lab-report.ts';
import { probe, runRound } from './lab-round.ts';
import { LabError, type LabServer } from './lab-server.ts';
import { startTacitServer } from './lab-tacit.ts';
import type { UploadSource } from './lab-upload.ts';
import { startProgress } from './progress.ts';
import { parseTlsVersion, type TlsVersion } from './tls-version.ts';

const defaultRounds = 5;
const defaultBytes = 1_000_000;

const help = `tacit lab: what becomes of an upload whose client only writes

Usage: tacit lab [--rounds N] [--bytes N[,N...]] [--file FILE] [--tls VERSION]
                 [--json]

A client process uploads over TLS and closes without reading, to a node:tls
server, to openssl s_server (where OpenSSL is installed) and to a Tacit server,
each of which starts to read late. The client is not Tacit: it is node:tls, and
so OpenSSL. All runs on this machine, over 127.0.0.1. What is counted:
  complete              every byte arrived, and its end without an error
  lost without an error bytes were missing, and the application saw no error
  tickets before data   session tickets that the server wrote, unasked, behind
                        the handshake and before its application had written
                        anything

Options:
  --rounds N       uploads to each server, one after the other (${defaultRounds})
  --bytes N[,N...] the length of the upload, or several lengths (${defaultBytes})
  --file FILE      upload this file instead
  --tls VERSION    all of them speak that version of TLS and no other, 1.2 or
                   1.3; without it, both, which comes to 1.3
  --json           print one JSON array of
                   { server, client, tls, bytes, rounds, complete, bytesLost,
                     silentLosses, ticketsBeforeData } and nothing else

Exit status: 0 if Tacit received every upload whole, 1 if not.
`;

const options = {
  rounds: { type: 'string' },
  bytes: { type: 'string' },
  file: { type: 'string' },
  tls: { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** `tacit lab`: the comparison that shows what Tacit is for. */
export const lab: Command = {
  summary: 'show what node:tls, OpenSSL and Tacit lose when a client only writes',
  help,
  async run(args): Promise<number> {
    const { values, positionals } = parseArguments(args, options);
    requirePositionals(positionals, []);
    const rounds =
      values.rounds === undefined ? defaultRounds : parseWhole(values.rounds, '--rounds', 1, 1_000);
    const report = await measure(uploads(values), rounds, parseTlsVersion(values.tls));
    if (values.json === true) {
      for (const reason of report.skipped) process.stderr.write(`skipped: ${reason}\n`);
      process.stdout.write(`${JSON.stringify(report.rows, null, 2)}\n`);
    } else {
      process.stdout.write(`${reportText(report)}\n`);
    }
    return report.rows.every((row) => row.server !== 'tacit' || row.complete === row.rounds) ? 0 : 1;
  },
};

function uploads(values: { bytes?: string | undefined; file?: string | undefined }): readonly UploadSource[] {
  if (values.file !== undefined) {
    if (values.bytes !== undefined)
      throw new UsageError('--file and --bytes exclude each other: give one of them');
    const length = requireFile(values.file, '--file');
    if (length === 0)
      throw new UsageError(`--file: '${values.file}' is empty, name a file with something in it`);
    return [{ length, path: values.file }];
  }
  const lengths = values.bytes?.split(',').map((text) => parseWhole(text, '--bytes', 1, 2 ** 40));
  return (lengths ?? [defaultBytes]).map((length) => ({ length }));
}

async function measure(
  sources: readonly UploadSource[],
  rounds: number,
  version: TlsVersion | undefined,
): Promise<LabReport> {
  const exitOnSignal = (): void => process.exit(130);
  process.once('SIGINT', exitOnSignal).once('SIGTERM', exitOnSignal);
  const certificate = await makeDevelopmentCertificate();
  const rows: LabRow[] = [];
  const descriptions: string[] = [];
  const skipped: string[] = [];
  const openssl = await findOpenssl();
  const starts: (() => LabServer | Promise<LabServer>)[] = [() => startNodeServer(certificate, version)];
  if ('version' in openssl) starts.push(() => startOpensslServer(openssl.version, certificate, version));
  else skipped.push(`openssl: ${openssl.missing}`);
  starts.push(() => startTacitServer(certificate, version));
  const progress = startProgress(starts.length * sources.length * rounds, 'uploads');
  let uploads = 0;
  try {
    for (const start of starts) {
      const server = await start();
      try {
        const onRound = (): void => {
          progress.update(uploads, server.name);
          uploads += 1;
        };
        rows.push(
          ...(await measureServer(server, { cert: certificate.cert, version }, sources, rounds, onRound)),
        );
        descriptions.push(server.description);
      } catch (error) {
        // Somebody's unusual openssl is no reason to show nothing of the rest.
        if (!(error instanceof LabError) || server.name !== 'openssl') throw error;
        skipped.push(`openssl: ${error.message}`);
      } finally {
        await server.close();
      }
    }
  } finally {
    progress.stop();
    process.removeListener('SIGINT', exitOnSignal).removeListener('SIGTERM', exitOnSignal);
  }
  return { rows, descriptions, skipped };
}

async function measureServer(
  server: LabServer,
  { cert, version }: { readonly cert: string; readonly version: TlsVersion | undefined },
  sources: readonly UploadSource[],
  rounds: number,
  onRound: () => void,
): Promise<readonly LabRow[]> {
  const { version: spoken, ticketsBeforeData } = await probe(server, cert, version);
  const rows: LabRow[] = [];
  for (const source of sources) {
    const result = { complete: 0, bytesLost: 0, silentLosses: 0 };
    for (let round = 0; round < rounds; round += 1) {
      onRound();
      const { arrived, ending } = await runRound(server, { ca: cert, version: spoken, upload: source });
      if (arrived === source.length && ending === 'clean') result.complete += 1;
      if (arrived < source.length && ending !== 'error') result.silentLosses += 1;
      result.bytesLost += source.length - arrived;
    }
    const run = { server: server.name, client: clientStack, tls: spoken, bytes: source.length, rounds };
    rows.push({ ...run, ...result, ticketsBeforeData });
  }
  return rows;
}
