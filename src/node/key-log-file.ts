import { appendFile } from 'node:fs';
import { valueSaid } from './command-line.ts';

let path: string | undefined;
let isAsked = false;
let hasFailed = false;

/** What writes lines to the file of `--tls-keylog`, with Node's warning; undefined where Node was not given it. */
export function keyLogFile(): ((line: Buffer) => void) | undefined {
  if (!isAsked) {
    isAsked = true;
    path = valueSaid('--tls-keylog');
    if (path)
      process.emitWarning(
        `Using --tls-keylog makes TLS connections insecure by writing secret key material to file ${path}`,
      );
  }
  const file = path;
  if (!file) return undefined;
  return (line) =>
    appendFile(file, line, { mode: 0o600 }, (error) => {
      if (error === null || hasFailed) return;
      hasFailed = true;
      process.emitWarning(`Failed to write TLS keylog (this warning will not be repeated): ${error}`);
    });
}
