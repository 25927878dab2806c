import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { programOf } from './peers.ts';
import { freePort, type PeerProcess, start } from './process.ts';
import { certificates } from './run.ts';

/** A server that listens on this port of 127.0.0.1, until the test ends. */
export interface Listening {
  readonly port: number;
}

/** Starts a server of its kind, with the certificate of the run. */
export const databases = { postgres, mariadbd, 'redis-server': redis, mosquitto } as const;

/** What a server keeps, with its certificate and key, readable by `user` where we are root. */
function home(name: string, user?: string): { path: string; cert: string; key: string } {
  const path = mkdtempSync(join(tmpdir(), `tacit-${name}-`));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  const [cert, key] = [join(path, 'cert.pem'), join(path, 'key.pem')];
  const files = certificates.server();
  copyFileSync(files.cert, cert);
  copyFileSync(files.key, key);
  chmodSync(key, 0o600);
  if (user !== undefined && process.getuid?.() === 0) {
    const [uid, gid] = ['-u', '-g'].map((flag) => Number(command('id', [flag, user])));
    for (const file of [path, cert, key]) chownSync(file, uid!, gid!);
  }
  return { path, cert, key };
}

function command(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} failed: ${stderr || stdout || error?.message}`);
  return stdout;
}

/** Stopped before its directory is removed. */
function server(program: string, args: readonly string[]): PeerProcess {
  const peer = start(program, args);
  onTestFinished(() => peer.kill());
  return peer;
}

async function postgres(): Promise<Listening> {
  const { path, cert, key } = home('postgres', 'postgres');
  // It does not run as root.
  const drop =
    process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : [];
  const initdb = programOf('postgres').replace(/postgres$/, 'initdb');
  const data = join(path, 'data');
  const [first, ...rest] = [
    ...drop,
    initdb,
    '--auth=trust',
    '--username=postgres',
    '--no-sync',
    `--pgdata=${data}`,
  ];
  command(first!, rest);
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: path,
    fsync: 'off',
    ssl: 'on',
    ssl_cert_file: cert,
    ssl_key_file: key,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const [program, ...given] = [...drop, programOf('postgres'), '-D', data, '-p', String(port), ...args];
  await server(program!, given).match(/ready to accept connections/);
  return { port };
}

async function mariadbd(): Promise<Listening> {
  const { path, cert, key } = home('mariadb');
  const data = join(path, 'data');
  const user = `--user=${command('id', ['-un']).trim()}`;
  command('mariadb-install-db', ['--no-defaults', `--datadir=${data}`, user, '--skip-test-db']);
  const begin = join(path, 'begin.sql');
  writeFileSync(begin, `create user app@'%' identified by 'secret' require ssl;\n`);
  const port = await freePort();
  await server(programOf('mariadbd'), [
    ...[
      '--no-defaults',
      user,
      `--datadir=${data}`,
      `--socket=${join(path, 'socket')}`,
      `--init-file=${begin}`,
    ],
    ...['--bind-address=127.0.0.1', `--port=${port}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`],
    ...['--skip-name-resolve', '--max-allowed-packet=64M'],
  ]).match(/ready for connections/);
  return { port };
}

async function redis(): Promise<Listening> {
  const { path, cert, key } = home('redis');
  const port = await freePort();
  await server(programOf('redis-server'), [
    ...['--port', '0', '--tls-port', String(port), '--bind', '127.0.0.1', '--dir', path, '--save', ''],
    ...['--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no'],
    ...['--tls-ca-cert-file', certificates.roots],
  ]).match(/Ready to accept connections/);
  return { port };
}

async function mosquitto(): Promise<Listening> {
  const { path, cert, key } = home('mosquitto');
  const port = await freePort();
  const file = join(path, 'mosquitto.conf');
  const lines = [`listener ${port} 127.0.0.1`, `certfile ${cert}`, `keyfile ${key}`, 'allow_anonymous true'];
  // As root it would become another user, who cannot read the key.
  writeFileSync(file, [...lines, 'user root', ''].join('\n'));
  await server(programOf('mosquitto'), ['-c', file]).match(/running/);
  return { port };
}
