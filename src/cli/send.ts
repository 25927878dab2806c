import { createReadStream } from 'node:fs';
import { type CloseReport, connect, type TlsStream } from '../index.ts';
import {
  formatHostPort,
  parseArguments,
  parseHostPort,
  readAuthorities,
  requireFile,
  requirePositionals,
} from './arguments.ts';
import type { Command } from './command.ts';
import { abandon, describeFailure } from './failure.ts';
import { formatBytes, formatRate } from './format.ts';
import { startProgress } from './progress.ts';
import { onlyVersion, parseTlsVersion } from './tls-version.ts';

const help = `tacit send: send a file over TLS

Usage: tacit send FILE HOST:PORT [--ca FILE] [--server-name NAME]
                  [--tls VERSION]

FILE '-' is the standard input. An IPv6 address stands in brackets: [::1]:6514.
Sends the bytes and nothing else, says close_notify, and waits until the other
side has closed too. How it closed is reported. No way of closing is a receipt:
whether the other side has kept the file, only its own protocol could say.

Options:
  --ca FILE           trust the certificates in FILE (PEM) and no others; or
                      'system', those of the operating system, or 'bundled',
                      those that Node carries and the default
                      (a file of that name is ./system)
  --server-name NAME  the name to ask for and to find in the certificate;
                      without it, HOST
  --tls VERSION       speak that version of TLS and no other, 1.2 or 1.3;
                      without it, both

Exit status: 0 if all was sent and the other side closed after it, 1 if not.
`;

const options = {
  ca: { type: 'string' },
  'server-name': { type: 'string' },
  tls: { type: 'string' },
} as const;

/** `tacit send`: one file, or the standard input, to a TLS server. */
export const send: Command = {
  summary: 'send a file, or the standard input, to a TLS server',
  help,
  async run(args): Promise<number> {
    const { values, positionals } = parseArguments(args, options);
    requirePositionals(positionals, ['FILE', 'HOST:PORT']);
    const [path = '', target = ''] = positionals;
    const peer = parseHostPort(target);
    const version = parseTlsVersion(values.tls);
    const length = path === '-' ? undefined : requireFile(path, 'FILE');
    const ca = values.ca === undefined ? undefined : readAuthorities(values.ca);
    const serverName = values['server-name'];
    const stream = await connect({
      ...peer,
      ...onlyVersion(version),
      ...(ca === undefined ? {} : { ca }),
      ...(serverName === undefined ? {} : { serverName }),
    });
    const started = performance.now();
    const sent = await upload(stream, path, length);
    const rate = formatRate(sent, performance.now() - started);
    process.stderr.write(`sent ${formatBytes(sent)} to ${formatHostPort(peer)} (${rate})\n`);
    return reportClose(await stream.close());
  },
};

/** @returns how many bytes were sent */
async function upload(stream: TlsStream, path: string, length: number | undefined): Promise<number> {
  const source = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 256 * 1024 });
  const progress = startProgress(length, 'bytes');
  let sent = 0;
  try {
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      await stream.write(chunk);
      sent += chunk.length;
      progress.update(sent);
    }
    return sent;
  } catch (error) {
    abandon(stream);
    const failure = `stopped after ${formatBytes(sent)}: ${describeFailure(error)}`;
    throw new Error(failure, { cause: error });
  } finally {
    progress.stop();
    source.destroy();
  }
}

const endings: Readonly<Record<CloseReport['ended'], string>> = {
  close_notify: 'the other side said close_notify: it ended its half in order (which is no receipt)',
  fin: 'the other side closed the connection without close_notify (nor a receipt)',
  reset: 'the other side reset the connection after its own end: whether it had read everything is not known',
  timeout: 'the other side did not close in time: whether it has read everything is not known',
};

function reportClose({ ended }: CloseReport): number {
  process.stderr.write(`${endings[ended]}\n`);
  return ended === 'close_notify' || ended === 'fin' ? 0 : 1;
}
