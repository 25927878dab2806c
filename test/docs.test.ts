import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rootCertificate, selfSignedCertificate, serverCertificate } from './support/certificates.ts';
import { crlPem, makeCrl } from './support/crl.ts';
import { makeOcspResponse } from './support/ocsp.ts';

// The examples import the package by its name, so they run on what was built.
const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

interface Example {
  /** Node's, before the program: what its first line says, where that is a command. */
  readonly flags: readonly string[];
  readonly code: string;
  /** What the page says that it prints. */
  readonly output: string;
}

/** A program, and behind it what it prints. */
const fences = /```js\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```\n/g;

const pages = readdirSync(join(root, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: readFileSync(join(root, 'docs', name), 'utf8') }));

let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tacit-docs-'));
  mkdirSync(join(directory, 'node_modules'));
  symlinkSync(root, join(directory, 'node_modules', 'tacit-tls'), 'dir');
  const made = await selfSignedCertificate();
  write('cert.pem', made.pem);
  write('key.pem', made.keyPem);
  await issueFiles();
});

function write(name: string, content: string | Uint8Array): void {
  writeFileSync(join(directory, name), content);
}

/** An authority, its servers, and what it says of them today. */
async function issueFiles(): Promise<void> {
  const authority = await rootCertificate();
  const server = await serverCertificate(authority);
  const stolen = await serverCertificate(authority);
  const day = 86_400_000;
  const today = { thisUpdate: new Date(Date.now() - day), nextUpdate: new Date(Date.now() + day) };
  write('ca.pem', authority.pem);
  const mail = await serverCertificate(authority, { names: ['mail.example.org'], subject: 'CN=Mail' });
  const wildcard = await serverCertificate(authority, { names: ['*.example.org'], subject: 'CN=All' });
  for (const [name, { pem, keyPem }] of Object.entries({ server, mail, wildcard })) {
    write(`${name}.pem`, pem);
    write(`${name}-key.pem`, keyPem);
  }
  write('stolen.pem', stolen.pem);
  write('crl.pem', crlPem(makeCrl(authority, { revoked: [stolen], ...today })));
  write('response.der', makeOcspResponse(server, authority, today));
}

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.each(pages)('the examples of docs/$name', ({ name, text }) => {
  const examples: Example[] = [...text.matchAll(fences)].map(([, code = '', output = '']) => ({
    flags: /^\/\/ node (.+) \S+\n/.exec(code)?.[1]?.split(' ') ?? [],
    code,
    output,
  }));

  it('all say what they print', () => {
    expect(examples.length).toBe(text.split('```js\n').length - 1);
  });

  it.each(examples.map((example, i) => ({ ...example, number: i + 1 })))(
    'print what the page says: $number',
    async ({ flags, code, output, number }) => {
      const file = join(directory, `${name}-${number}.mjs`);
      writeFileSync(file, code);
      const { stdout } = await run(process.execPath, [...flags, file], { cwd: directory });
      expect(stdout).toBe(output);
    },
  );
});
