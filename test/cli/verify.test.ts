import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  clientCertificate,
  intermediateCertificate,
  pemChain,
  rootCertificate,
  serverCertificate,
  type TestCertificate,
} from '../support/certificates.ts';
import { crlPem, makeCrl } from '../support/crl.ts';
import { makeOcspResponse, unknown } from '../support/ocsp.ts';
import { tacit } from './program.ts';

const directory = mkdtempSync(join(tmpdir(), 'tacit-verify-'));
const at = ['--at', '2026-06-01'];
const host = ['--host', 'www.example.org'];
let root: TestCertificate;
let intermediate: TestCertificate;
let leaf: TestCertificate;
let ca: string[];
let chain: string;

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

beforeAll(async () => {
  root = await rootCertificate();
  intermediate = await intermediateCertificate(root);
  leaf = await serverCertificate(intermediate, { names: ['www.example.org'] });
  ca = ['--ca', file('root.pem', root.pem)];
  chain = file('chain.pem', pemChain(leaf, intermediate));
});

afterAll(() => rmSync(directory, { recursive: true }));

describe('a chain that is trusted', () => {
  test('is a tree from the anchor down, and exit status 0', async () => {
    const { status, stdout, stderr } = await tacit(['verify', chain, ...host, ...ca, ...at]);
    expect(stderr).toBe('');
    expect(stdout.toString()).toBe(
      [
        'trusted until 2049-01-01T00:00:00Z',
        'CN=Test Root (trusted), valid until 2049-01-01T00:00:00Z',
        '└─ CN=Test Intermediate, valid until 2049-01-01T00:00:00Z',
        '   └─ CN=Test Server, valid until 2049-01-01T00:00:00Z',
        '',
      ].join('\n'),
    );
    expect(status).toBe(0);
  });

  test('is one object with --json', async () => {
    const { status, stdout } = await tacit(['verify', chain, ...host, ...ca, ...at, '--json']);
    expect(JSON.parse(stdout.toString())).toMatchObject({
      trusted: true,
      validUntil: '2049-01-01T00:00:00Z',
      path: [{ subject: 'CN=Test Server', issuer: 'CN=Test Intermediate' }, {}, { subject: 'CN=Test Root' }],
    });
    expect(status).toBe(0);
  });

  test('may be a client’s, which needs no name', async () => {
    const client = await clientCertificate(intermediate);
    const path = file('client.pem', pemChain(client, intermediate));
    expect((await tacit(['verify', path, '--purpose', 'client', ...ca, ...at])).status).toBe(0);
    expect((await tacit(['verify', path, ...host, ...ca, ...at])).status).toBe(1);
  });
});

describe('--ca', () => {
  test("'system' is the system's store, and a file of that name ./system", async () => {
    const args = ['verify', chain, ...host, ...at];
    const store = { SSL_CERT_FILE: file('store.pem', root.pem), SSL_CERT_DIR: '' };
    const trusted = await tacit([...args, '--ca', 'system'], '', store);
    expect(trusted.stderr).toBe('');
    expect(trusted.stdout.toString()).toMatch(/^trusted until .*\nCN=Test Root \(trusted\)/);
    const elsewhere = {
      ...store,
      SSL_CERT_FILE: file('leaf.pem', leaf.pem.replaceAll('CERT', 'TRUSTED CERT')),
    };
    const empty = await tacit([...args, '--ca', 'system'], '', elsewhere);
    expect(empty.stderr).toContain(
      `no certificate in the system's store; looked at ${elsewhere.SSL_CERT_FILE}`,
    );
    expect([trusted.status, empty.status]).toEqual([0, 2]);
    const named = await tacit([...args, '--ca', './system'], '', store);
    expect(named.stderr).toContain("there is no file './system'");
    // What a file holds is never the name of a set.
    const words = await tacit([...args, '--ca', file('words.pem', 'system')], '', store);
    expect(words.stderr).toContain('expected PEM certificates');
  });

  test("'bundled' is what Node carries, for servers", async () => {
    const { status, stdout } = await tacit(['verify', chain, ...host, ...at, '--ca', 'bundled']);
    expect(stdout.toString()).toMatch(/^not trusted \(unknown_issuer\)/);
    expect(status).toBe(1);
    const args = ['verify', chain, '--purpose', 'client', ...at];
    const client = await tacit([...args, '--ca', 'bundled']);
    expect(client.stderr).toContain('name the authorities of your clients');
    expect(client.status).toBe(2);
  });
});

describe('a chain that is not', () => {
  test('tells each path that was tried, and why it leads nowhere', async () => {
    const { status, stdout } = await tacit(['verify', chain, ...host, ...at]);
    const text = stdout.toString();
    expect(text).toMatch(
      /^not trusted \(unknown_issuer\): The issuer of the certificate "CN=Test Intermediate"/,
    );
    expect(text).toContain(
      'paths that were tried, from the leaf up:\n\nCN=Test Server <- CN=Test Intermediate\n  The issuer',
    );
    expect(status).toBe(1);
  });

  test('is told for its name, its time and its revocation', async () => {
    const other = await tacit(['verify', chain, '--host', 'other.example', ...ca, ...at]);
    expect(other.stdout.toString()).toMatch(/^not trusted \(name_mismatch\): .*it names www\.example\.org/);
    const late = await tacit(['verify', chain, ...host, ...ca, '--at', '2049-06-01T12:00:00Z']);
    expect(late.stdout.toString()).toMatch(/^not trusted \(expired\)/);
    const lists = crlPem(makeCrl(root)) + crlPem(makeCrl(intermediate, { revoked: [leaf] }));
    const crl = ['--crl', file('lists.pem', lists)];
    const revoked = await tacit(['verify', chain, ...host, ...ca, ...crl, ...at, '--json']);
    expect(JSON.parse(revoked.stdout.toString())).toMatchObject({
      trusted: false,
      check: 'revoked',
      certificate: { subject: 'CN=Test Server', position: 0 },
      attempts: [{ check: 'revoked', path: [leaf, intermediate, root].map(({ subject }) => ({ subject })) }],
    });
    const response = makeOcspResponse(leaf, intermediate, { status: unknown });
    const ocsp = ['--ocsp', file('response.der', response)];
    const unsure = await tacit(['verify', chain, ...host, ...ca, ...ocsp, ...at]);
    expect(unsure.stdout.toString()).toMatch(/^not trusted \(bad_ocsp_response\)/);
    expect([other.status, late.status, revoked.status, unsure.status]).toEqual([1, 1, 1, 1]);
  });

  test('may be one that cannot be read', async () => {
    const broken = file('broken.der', leaf.der.slice(0, -1));
    const { status, stdout } = await tacit(['verify', broken, ...host, ...ca, ...at]);
    expect(stdout.toString()).toMatch(/^not trusted \(malformed\): .* at byte 0/);
    expect(status).toBe(1);
  });
});
