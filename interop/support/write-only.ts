import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serverName } from './certificates.ts';
import { everyVersion, type Version } from './names.ts';
import { missing, programOf } from './peers.ts';
import { PeerProcess } from './process.ts';
import { certificates, run } from './run.ts';

/** A program of `peers/write-only/`: it uploads, closes, and has read nothing after the handshake. */
export interface WriteOnlyClient {
  readonly name: string;
  readonly missing: string | undefined;
  /** The command and its first arguments. */
  readonly command: readonly [string, ...string[]];
  /** Whether it says close_notify before it closes. */
  readonly ending: 'close_notify' | 'truncate';
  readonly version: Version;
}

const source = (name: string): string =>
  fileURLToPath(new URL(`../peers/write-only/${name}`, import.meta.url));

function client(
  name: string,
  peer: string,
  command: readonly [string, ...string[]],
  ending: WriteOnlyClient['ending'],
): WriteOnlyClient[] {
  return everyVersion.map((version) => ({ name, missing: missing(peer), command, ending, version }));
}

const node = process.execPath;

export const writeOnlyClients: readonly WriteOnlyClient[] = [
  ...client('Python ssl', 'python', [programOf('python'), source('python.py')], 'close_notify'),
  ...client('Python ssl', 'python', [programOf('python'), source('python.py')], 'truncate'),
  ...client('OpenSSL', 'openssl.c', [programOf('openssl.c')], 'close_notify'),
  ...client('OpenSSL', 'openssl.c', [programOf('openssl.c')], 'truncate'),
  ...client('GnuTLS', 'gnutls.c', [programOf('gnutls.c')], 'close_notify'),
  ...client('GnuTLS', 'gnutls.c', [programOf('gnutls.c')], 'truncate'),
  ...client('node:tls', 'node', [node, source('node-tls.mjs')], 'close_notify'),
  ...client('node:tls', 'node', [node, source('node-tls.mjs')], 'truncate'),
  ...client('Tacit', 'node', [node, source('tacit.mjs')], 'close_notify'),
];

export interface Upload {
  readonly bytes: number;
  readonly rounds: number;
}

/** Bytes to upload, and how many times: fewer in TLS 1.2, which has its tickets inside the handshake. */
export const uploads: Readonly<Record<Version, readonly Upload[]>> = {
  'TLSv1.2': [
    { bytes: 1, rounds: 20 },
    { bytes: 16 * 1024, rounds: 10 },
    { bytes: 1024 * 1024, rounds: 3 },
    { bytes: 16 * 1024 * 1024, rounds: 1 },
  ],
  'TLSv1.3': [
    { bytes: 1, rounds: 100 },
    { bytes: 16 * 1024, rounds: 100 },
    { bytes: 1024 * 1024, rounds: 20 },
    { bytes: 64 * 1024 * 1024, rounds: 1 },
  ],
};

const largest = 64 * 1024 * 1024;

/** What is uploaded: the first bytes of one file. */
export class UploadSource {
  readonly path: string;
  readonly #hashes = new Map<number, string>();
  #data: Buffer | undefined;

  constructor(name: string) {
    this.path = join(run.directory, `${name}-${process.pid}`);
    writeFileSync(this.path, randomBytes(largest));
  }

  first(bytes: number): Buffer {
    this.#data ??= readFileSync(this.path);
    return this.#data.subarray(0, bytes);
  }

  /** The SHA-256 of the first bytes, as hex. */
  hash(bytes: number): string {
    const known = this.#hashes.get(bytes) ?? createHash('sha256').update(this.first(bytes)).digest('hex');
    this.#hashes.set(bytes, known);
    return known;
  }
}

/** A write-only client that runs: one upload at a time. */
export class WriteOnlyProcess {
  readonly #peer: PeerProcess;
  #uploads = 0;

  constructor({ command, ending, version }: WriteOnlyClient, port: number, source: UploadSource) {
    const [program, ...first] = command;
    const args = [ending, `${port}`, certificates.roots, serverName, source.path, version];
    this.#peer = new PeerProcess(program, [...first, ...args], { timeout: 300_000 });
  }

  /** Uploads so many bytes; resolves when the client has closed its socket. */
  async upload(bytes: number): Promise<void> {
    this.#uploads++;
    this.#peer.write(`${bytes}\n`);
    const outcome = await this.#peer.until(
      `upload ${this.#uploads}`,
      () => this.#peer.stdout.toString().split('\n').slice(0, -1)[this.#uploads - 1],
    );
    if (outcome !== 'closed') throw new Error(`the client ${outcome}: ${this.#peer.stderr}`);
  }

  async stop(): Promise<void> {
    await this.#peer.kill();
  }
}

/** Waits for `event`, but not for long: who waits for a reader must not be waited for. */
export async function atMost(milliseconds: number, event: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([event.catch(() => undefined), elapsed]);
  clearTimeout(timer);
}
