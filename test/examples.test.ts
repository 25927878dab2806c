import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selfSignedCertificate } from './support/certificates.ts';

// The examples import the package by its name, so they run on what was built.
const run = promisify(execFile);
const example = (name: string): string => fileURLToPath(new URL(`../examples/${name}`, import.meta.url));

let directory: string;
let certificate: string;
let key: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tacit-examples-'));
  certificate = join(directory, 'cert.pem');
  key = join(directory, 'key.pem');
  const made = await selfSignedCertificate();
  writeFileSync(certificate, made.pem);
  writeFileSync(key, made.keyPem);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('the examples of the README', () => {
  it('receive.mjs and send.mjs: what one sends, the other receives to the end', async () => {
    const server = spawn(process.execPath, [example('receive.mjs'), certificate, key, '0']);
    try {
      const lines = server.stdout.setEncoding('utf8')[Symbol.asyncIterator]();
      const listening = String((await lines.next()).value);
      const port = /listening on port (\d+)/.exec(listening)?.[1] ?? 'none';
      const sent = await run(process.execPath, [example('send.mjs'), certificate, port]);
      expect(sent.stdout).toBe('sent; the server ended with close_notify\n');
      expect((await lines.next()).value).toBe('18 bytes, complete\n');
    } finally {
      server.kill('SIGKILL');
    }
  });

  it('in-memory.mjs: the engine without I/O', async () => {
    const { stdout } = await run(process.execPath, [example('in-memory.mjs'), certificate, key]);
    expect(stdout.split('\n').map((line) => line.trim())).toEqual([
      'client handshakeDone',
      'server handshakeDone',
      'server data hello',
      'server end',
      // The tickets that the server owed: only now, with its own end.
      'client session',
      'client session',
      'client end',
      '',
    ]);
  });

  it('http.mjs: HTTP of Node over TLS of Tacit, and both come to an end', async () => {
    const { stdout } = await run(process.execPath, [example('http.mjs'), certificate, key]);
    expect(stdout).toBe('you asked for /here\n');
  });

  it('stand in the README as they are, but for the ways to name files', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    for (const name of ['receive.mjs', 'send.mjs']) {
      const code = readFileSync(example(name), 'utf8').split('\n');
      for (const line of code.filter((text) => /await|import|for \(|bytes \+=|console.log\(`\$/.test(text))) {
        const shown = line
          .replace('readFileSync(certificate,', "readFileSync('cert.pem',")
          .replace('readFileSync(ca,', "readFileSync('cert.pem',")
          .replace('port: Number(port)', 'port: 6514')
          .replace('const { ended } = await', 'await');
        expect(readme).toContain(shown);
      }
    }
  });
});
