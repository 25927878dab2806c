import { appendFile } from 'node:fs';
import { valueSaid } from './command-line.ts';
import { warningOnce } from './warnings.ts';

const path = valueSaid('--tls-keylog');
const warnOfLog = warningOnce(
  `Using --tls-keylog makes TLS connections insecure by writing secret key material to file ${path}`,
);
let hasFailed = false;

/** What writes lines to the file of `--tls-keylog`, with Node's warning; undefined where Node was not given it. */
export function keyLogFile(): ((line: Buffer) => void) | undefined {
  const file = path;
  if (!file) return undefined;
  warnOfLog();
  return (line) =>
    appendFile(file, line, { mode: 0o600 }, (error) => {
      if (error === null || hasFailed) return;
      hasFailed = true;
      process.emitWarning(`Failed to write TLS keylog (this warning will not be repeated): ${error}`);
    });
}
