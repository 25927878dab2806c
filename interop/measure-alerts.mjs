// Counts how many clients that are refused while they write read why: `npm run measure:alerts`. docs/close.md has the
// table that it printed. Needs openssl and python3 on the path.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const rounds = Number(process.argv[2] ?? 100);
const sizes = [4_000_000, 64_000_000];
const directory = mkdtempSync(join(tmpdir(), 'tacit-measure-'));
const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
const program = (name) => fileURLToPath(new URL(`peers/rejected/${name}`, import.meta.url));
const run = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' }).trim();

const opensslServer = [
  'openssl',
  's_server',
  '-accept',
  '127.0.0.1:0',
  '-tls1_3',
  '-cert',
  cert,
  '-key',
  key,
];
const tacitServer = [process.execPath, program('server-tacit.mjs'), cert, key];
const servers = [
  { name: 'node:tls', command: [process.execPath, program('server-node-tls.mjs'), cert, key] },
  { name: 'Python ssl', command: ['python3', program('server.py'), cert, key] },
  { name: 'openssl s_server', command: [...opensslServer, '-Verify', '1', '-verify_return_error'] },
  { name: 'Tacit, drain.timeout 0', command: [...tacitServer, '{"timeout":0}'] },
  { name: 'Tacit', command: [...tacitServer, '{}'] },
  { name: 'Tacit, drain.bytes 128 MiB', command: [...tacitServer, '{"bytes":134217728}'] },
];

const clients = [
  { name: 'Tacit', command: [process.execPath, program('tacit.mjs')] },
  { name: 'node:tls with a data listener', command: [process.execPath, program('node-tls.mjs')] },
  { name: 'Python, reads while it writes', command: ['python3', program('python.py'), 'while-writing'] },
  { name: 'openssl s_client', isOpenssl: true },
  // What it waits for at a server that does not drain all is a time bound: many at once wait no longer than one.
  { name: 'Python, reads after it', command: ['python3', program('python.py'), 'after-writing'], atOnce: 10 },
];

const children = new Set();

function start([command, ...args]) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  children.add(child);
  child.stdin.on('error', () => {});
  return child;
}

async function portOf(server) {
  for await (const line of createInterface({ input: server.stdout })) {
    const port = /^ACCEPT .*:(\d+)$/.exec(line)?.[1];
    if (port !== undefined) return port;
  }
  throw new Error('the server did not say its port');
}

/** The outcomes of `count` connections of one process, one after another. */
async function outcomesOf(client, count, port, bytes) {
  if (client.isOpenssl) return opensslOutcomes(count, port, bytes);
  const child = start([...client.command, port, cert, 'localhost', `${bytes}`]);
  child.stdin.write('go\n');
  const outcomes = [];
  for await (const line of createInterface({ input: child.stdout })) {
    outcomes.push(line);
    if (outcomes.length === count) break;
    child.stdin.write('go\n');
  }
  child.kill();
  return outcomes;
}

async function opensslOutcomes(count, port, bytes) {
  const outcomes = [];
  const args = ['-connect', `127.0.0.1:${port}`, '-servername', 'localhost', '-CAfile', cert, '-tls1_3'];
  for (let i = 0; i < count; i++) {
    const child = start(['openssl', 's_client', ...args, '-quiet']);
    child.stdin.end(Buffer.alloc(bytes));
    child.stdout.resume();
    let errors = '';
    child.stderr.on('data', (text) => {
      errors += text;
    });
    await new Promise((resolve) => child.once('close', resolve));
    const isAlert = errors.includes('tlsv13 alert certificate required');
    outcomes.push(isAlert ? 'certificate_required' : (/errno=\d+/.exec(errors)?.[0] ?? 'ended'));
  }
  return outcomes;
}

async function measure(server, client, bytes) {
  const child = start(server.command);
  child.stderr.resume();
  const port = await portOf(child);
  child.stdout.resume();
  const processes = client.atOnce ?? 1;
  const each = Math.ceil(rounds / processes);
  const outcomes = await Promise.all(
    Array.from({ length: processes }, () => outcomesOf(client, each, port, bytes)),
  );
  child.kill();
  const all = outcomes.flat();
  const others = [...new Set(all)].filter((outcome) => outcome !== 'certificate_required');
  process.stderr.write(`${server.name} · ${client.name} · ${bytes}: ${others.join(', ') || 'all'}\n`);
  return `${all.filter((outcome) => outcome === 'certificate_required').length} of ${all.length}`;
}

try {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  run('openssl', 'req', '-x509', ...curve, '-keyout', key, '-out', cert, ...subject);
  const versions = [`Node ${process.version.slice(1)}`, run('openssl', 'version').split(' ', 2).join(' ')];
  versions.push(run('python3', '--version'));
  console.log(`${new Date().toISOString().slice(0, 10)} · ${versions.join(' · ')}\n`);
  console.log(`| server | upload | ${clients.map(({ name }) => name).join(' | ')} |`);
  console.log(`|---|---|${clients.map(() => '---|').join('')}`);
  for (const server of servers) {
    for (const bytes of sizes) {
      const rates = [];
      for (const client of clients) rates.push(await measure(server, client, bytes));
      console.log(`| ${server.name} | ${bytes / 1e6} MB | ${rates.join(' | ')} |`);
    }
  }
} finally {
  for (const child of children) child.kill();
  rmSync(directory, { recursive: true });
}
