import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DevelopmentCertificate } from './development-certificate.ts';
import { type Ending, LabError, type LabServer, type Reader, type Reception } from './lab-server.ts';
import type { TlsVersion } from './tls-version.ts';

/** The OpenSSL that is installed, or why it cannot take part. */
export type FoundOpenssl = { readonly version: string } | { readonly missing: string };

/** Looks for an `openssl` that speaks both versions and takes the options that the lab needs. */
export function findOpenssl(): Promise<FoundOpenssl> {
  return new Promise((resolve) => {
    execFile('openssl', ['version'], { timeout: 5_000 }, (error, stdout) => {
      const version = /^OpenSSL (\d+\.\d+\.\d+\w*)/.exec(stdout)?.[1];
      if (error !== null) resolve({ missing: 'openssl is not installed' });
      else if (version === undefined) resolve({ missing: `'${stdout.trim()}' is not OpenSSL` });
      else if (/^(0|1\.0|1\.1\.0)/.test(version))
        resolve({ missing: `OpenSSL ${version} is too old, 1.1.1 has TLS 1.3` });
      else resolve({ version });
    });
  });
}

/** `openssl s_server`, one process for each connection; what it reads comes out of its stdout. */
export function startOpensslServer(
  opensslVersion: string,
  { cert, key }: DevelopmentCertificate,
  version: TlsVersion | undefined,
): LabServer {
  const directory = mkdtempSync(join(tmpdir(), 'tacit-lab-'));
  const certFile = join(directory, 'cert.pem');
  const keyFile = join(directory, 'key.pem');
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key, { mode: 0o600 });
  const removeFiles = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', removeFiles);
  return {
    name: 'openssl',
    description: `openssl s_server (OpenSSL ${opensslVersion})`,
    async receive(reader: Reader): Promise<Reception> {
      const port = await freePort();
      const address = `127.0.0.1:${port}`;
      const only = version === undefined ? [] : [`-tls${version.replace('.', '_')}`];
      const options = ['-quiet', '-state', ...only, '-naccept', '1', '-accept', address];
      // Its stdin stays open: s_server takes the end of it for an order to stop.
      const child = spawn('openssl', ['s_server', ...options, '-cert', certFile, '-key', keyFile]);
      const kill = (): boolean => child.kill('SIGKILL');
      process.once('exit', kill);
      child.once('close', () => process.removeListener('exit', kill));
      return { port, ended: readLate(child, reader), cancel: kill };
    },
    async close(): Promise<void> {
      process.removeListener('exit', removeFiles);
      removeFiles();
    },
  };
}

/** s_server writes to a pipe that nobody empties before the start, so it stops reading early on. */
async function readLate(child: ChildProcess, reader: Reader): Promise<Ending> {
  let trace = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    trace += text;
  });
  const ended = new Promise<Ending>((resolve, reject) => {
    child.once('error', (error) => reject(new LabError(`openssl could not be started: ${error.message}`)));
    child.once('close', () => {
      if (!trace.includes('read finished'))
        reject(new LabError(`openssl s_server took no connection: ${lastLine(trace)}`));
      // Only a close_notify is an end to SSL_read; all else is an error of it, which -quiet does not print.
      else resolve(trace.includes('alert read:warning:close notify') ? 'clean' : 'error');
    });
  });
  ended.catch(() => {});
  // Listened to from the beginning, and paused: when a child exits, Node empties pipes that nobody listens to.
  child.stdout?.on('data', (bytes: Uint8Array) => reader.take(bytes)).pause();
  await Promise.race([reader.start, ended]);
  child.stdout?.resume();
  return ended;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
