// What the tests of the command line build around it, and take away again.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { VersionSettings } from '../../src/cli/tls-version.ts';
import { selfSignedCertificate } from '../support/certificates.ts';
import { type Finished, Running, tacit } from './program.ts';

/** A `tacit receive` that listens. */
export interface Receiver {
  readonly running: Running;
  readonly port: string;
  /** PEM of its certificate, and a file with it. */
  readonly ca: string;
  readonly caFile: string;
}

/** Makes directories, programs and servers for a test. */
export class Workshop {
  readonly #directories: string[] = [];
  readonly #programs: Running[] = [];
  readonly #servers: Server[] = [];

  directory(): string {
    const path = mkdtempSync(join(tmpdir(), 'tacit-test-'));
    this.#directories.push(path);
    return path;
  }

  /** A file with this in it. */
  file(data: Uint8Array | string): string {
    const path = join(this.directory(), 'input');
    writeFileSync(path, data);
    return path;
  }

  start(args: readonly string[]): Running {
    const running = new Running(args);
    this.#programs.push(running);
    return running;
  }

  /** A receiver on a free port with its own development certificate. */
  async startReceiver(out: string, ...options: readonly string[]): Promise<Receiver> {
    const running = this.start(['receive', '--port', '0', '--out', out, ...options]);
    const status = out === '-' ? 'stderr' : 'stdout';
    const [, port = ''] = await running.printed(status, /^listening on 127\.0\.0\.1:(\d+)$/m);
    const [ca] = await running.printed(
      status,
      /^-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n/m,
    );
    return { running, port, ca, caFile: this.file(ca) };
  }

  /** A server that is not Tacit, of TLS 1.3 unless the options say otherwise. */
  async startNodeServer(options: TlsOptions): Promise<{ server: Server; port: number }> {
    const server = createServer({ minVersion: 'TLSv1.3', ...options });
    this.#servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { server, port: (server.address() as AddressInfo).port };
  }

  async clear(): Promise<void> {
    for (const server of this.#servers.splice(0)) server.close();
    for (const { child } of this.#programs) child.kill('SIGKILL');
    await Promise.all(this.#programs.splice(0).map(({ finished }) => finished));
    for (const path of this.#directories.splice(0)) rmSync(path, { recursive: true, force: true });
  }
}

/** `tacit send` to a receiver, trusting its certificate. */
export function sendTo({ port, caFile }: Receiver, file: string, stdin?: Uint8Array): Promise<Finished> {
  return tacit(['send', file, `localhost:${port}`, '--ca', caFile], stdin);
}

/** A client that is not Tacit, and the TCP socket under it. */
export async function nodeClient(
  { port, ca }: Receiver,
  versions: VersionSettings = {},
): Promise<{ tls: TLSSocket; tcp: Socket }> {
  const tcp = connectTcp(Number(port), '127.0.0.1');
  const tls = connectTls({ ...versions, socket: tcp, ca, servername: 'localhost' });
  tls.on('error', () => {});
  await once(tls, 'secureConnect');
  return { tls, tcp };
}

/** Hands `data` to the kernel. */
export function written(tls: TLSSocket, data: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    tls.write(data, (error) => (error ? reject(error) : resolve()));
  });
}

/** A self-signed certificate as `node:tls` and the command line take it. */
export async function selfSigned(names: readonly string[]): Promise<{ cert: string; key: string }> {
  const { pem, keyPem } = await selfSignedCertificate({ names });
  return { cert: pem, key: keyPem };
}
