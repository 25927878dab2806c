import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { issueCertificates } from './certificates.ts';
import { writePayloads } from './payload.ts';
import type { PeerState } from './run.ts';

/**
 * Makes the certificates and builds the peers, once per run. What cannot be had is named with its reason, and its
 * tests are skipped by that name; TACIT_INTEROP_REQUIRE lists peers (separated by commas) that must be there.
 */
export async function setup(project: TestProject): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'tacit-interop-'));
  await issueCertificates(join(directory, 'certificates'));
  await writePayloads(directory);
  const peers = findPeers(directory);
  for (const [name, state] of Object.entries(peers)) {
    const text = 'missing' in state ? `skipped: ${state.missing}` : state.version;
    process.stdout.write(`peer ${name.padEnd(20)} ${text}\n`);
  }
  const required = (process.env['TACIT_INTEROP_REQUIRE'] ?? '').split(',').filter((name) => name !== '');
  const absent = required.filter((name) => peers[name] === undefined || 'missing' in peers[name]);
  if (absent.length > 0) throw new Error(`required peers are missing: ${absent.join(', ')}`);
  project.provide('interop', { directory, peers });
}

export function teardown(): void {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
}

let directory: string | undefined;

const here = fileURLToPath(new URL('..', import.meta.url));

/** Survives runs, for what takes long to build. */
const cache = join(here, 'node_modules', '.cache');

function findPeers(directory: string): Record<string, PeerState> {
  const source = (...path: string[]): string => join(here, 'peers', ...path);
  return {
    openssl: findOpenssl(),
    curl: findCurl(),
    chromium: findChromium(),
    python: findPython(source('python.py')),
    'gnutls-cli': found('gnutls-cli', ['--version']),
    'gnutls-serv': found('gnutls-serv', ['--version']),
    node: found(process.execPath, [source('node-tls.mjs'), 'version']),
    go: buildGo(source('go'), join(directory, 'go-peer')),
    rustls: buildRustls(source('rustls')),
    'openssl.c': compile(source('write-only', 'openssl.c'), join(directory, 'openssl-client'), [
      'ssl',
      'crypto',
    ]),
    postgres: found(postgresProgram(), ['--version']),
    mariadbd: found(sbin('mariadbd'), ['--no-defaults', '--version']),
    'redis-server': found('redis-server', ['--version']),
    mosquitto: findMosquitto(),
    'gnutls.c': compile(source('write-only', 'gnutls.c'), join(directory, 'gnutls-client'), ['gnutls']),
  };
}

function capture(command: string, args: readonly string[], cwd?: string): { ok: boolean; output: string } {
  const options = { encoding: 'utf8', cwd, timeout: 300_000 } as const;
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  return { ok: status === 0, output: `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`.trim() };
}

const firstLine = (text: string): string => text.split('\n', 1)[0]!;

function isInstalled(command: string): boolean {
  return !capture(command, ['--version']).output.includes('ENOENT');
}

function found(program: string, args: readonly string[]): PeerState {
  if (!isInstalled(program)) return { missing: `no ${program}` };
  const { ok, output } = capture(program, args);
  return ok ? { version: firstLine(output), program } : { missing: firstLine(output) };
}

function findOpenssl(): PeerState {
  const state = found('openssl', ['version']);
  if ('missing' in state || /^OpenSSL (1\.1\.1|[3-9])/.test(state.version)) return state;
  return { missing: `not OpenSSL 1.1.1 or later: ${state.version}` };
}

/** Debian has those of servers where only root looks for them. */
function sbin(program: string): string {
  const path = join('/usr/sbin', program);
  return existsSync(path) ? path : program;
}

/** Debian has those of each major version in a directory of its own, for `initdb` too. */
function postgresProgram(): string {
  const directory = '/usr/lib/postgresql';
  const versions = existsSync(directory) ? readdirSync(directory).map(Number) : [];
  return versions.length === 0 ? 'postgres' : join(directory, String(Math.max(...versions)), 'bin/postgres');
}

/** It has no option that says its version alone. */
function findMosquitto(): PeerState {
  const program = sbin('mosquitto');
  if (!isInstalled(program)) return { missing: 'no mosquitto' };
  return { version: firstLine(capture(program, ['-h']).output), program };
}

/** The interpreter itself: a version manager's `python3` takes a second to find it each time. */
function findPython(script: string): PeerState {
  if (!isInstalled('python3')) return { missing: 'no python3' };
  const { output } = capture('python3', ['-c', 'import sys; print(sys.executable)']);
  const state = found(firstLine(output), [script, 'version']);
  if ('missing' in state || /OpenSSL (1\.1\.1|[3-9])/.test(state.version)) return state;
  return { missing: `not on OpenSSL 1.1.1 or later: ${state.version}` };
}

/** With its path: who starts it does not look for it. */
function findChromium(): PeerState {
  const { ok, output } = capture('sh', ['-c', 'command -v chromium']);
  return ok ? found(output, ['--version']) : { missing: 'no chromium' };
}

function findCurl(): PeerState {
  const state = found('curl', ['--version']);
  if ('missing' in state || state.version.includes('OpenSSL')) return state;
  return { missing: `not on OpenSSL: ${state.version}` };
}

/** Whether `version` names a release 1.x with a lower x. */
function isOlder(version: string, minor: number): boolean {
  const [, found] = version.match(/1\.(\d+)/) ?? [];
  return found !== undefined && Number(found) < minor;
}

function buildGo(source: string, program: string): PeerState {
  if (!isInstalled('go')) return { missing: 'no go' };
  const { output: version } = capture('go', ['version']);
  if (isOlder(version, 18)) return { missing: `older than Go 1.18: ${version}` };
  const { ok, output } = capture('go', ['build', '-o', program, '.'], source);
  if (!ok) throw new Error(`go build failed: ${output}`);
  return found(program, ['version']);
}

function buildRustls(source: string): PeerState {
  if (!isInstalled('cargo')) return { missing: 'no cargo' };
  const { output: version } = capture('cargo', ['--version']);
  if (isOlder(version, 82)) return { missing: `older than Rust 1.82: ${version}` };
  const fetched = capture('cargo', ['fetch', '--locked'], source);
  if (!fetched.ok) return { missing: `cargo cannot fetch rustls: ${firstLine(fetched.output)}` };
  const target = join(cache, 'rustls');
  mkdirSync(target, { recursive: true });
  const args = ['build', '--release', '--locked', '--offline', '--target-dir', target];
  const { ok, output } = capture('cargo', args, source);
  if (!ok) throw new Error(`cargo build failed: ${output}`);
  return found(join(target, 'release', 'tacit-interop-rustls'), ['version']);
}

function compile(source: string, program: string, libraries: readonly string[]): PeerState {
  if (!isInstalled('cc')) return { missing: 'no cc' };
  const links = libraries.map((library) => `-l${library}`);
  const { ok, output } = capture('cc', ['-O2', '-Wall', '-Wextra', '-o', program, source, ...links]);
  if (ok) return { version: libraries.join(', '), program };
  if (/fatal error: .* No such file|cannot find -l/.test(output)) {
    return { missing: `cannot link with ${libraries.join(', ')}: their headers are not installed` };
  }
  throw new Error(`cc failed: ${output}`);
}
