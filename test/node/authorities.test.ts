import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterEach, beforeAll, expect, test } from 'vitest';
import tacitTls from '../../src/node.ts';
import {
  closeServers,
  faces,
  identity,
  listening,
  makeLocalhost,
  outcomeOf,
  root,
} from '../support/node-faces.ts';

const { tacit, node } = faces;
beforeAll(makeLocalhost);
afterEach(closeServers);

test('the default is Mozilla’s set until it is set, and then what was set, for those without a `ca`', async () => {
  expect(tacitTls.getCACertificates('bundled')).toEqual([...rootCertificates]);
  const before = tacitTls.getCACertificates();
  expect(before).toEqual(expect.arrayContaining([rootCertificates[0]]));
  const { port } = await listening(node, identity());
  const secureContext = tacit.createSecureContext();
  const connect = () =>
    outcomeOf(tacit.connect({ port, host: '127.0.0.1', servername: 'localhost', secureContext }));
  expect(await connect()).toBe('error UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  tacitTls.setDefaultCACertificates([root.pem]);
  try {
    expect(tacitTls.getCACertificates('default')).toEqual([root.pem.trim()].map((pem) => `${pem}\n`));
    expect(await connect()).toBe('secure true null');
    tacitTls.setDefaultCACertificates([]);
    expect(await connect()).toMatch(/^error UNABLE_TO_VERIFY/);
  } finally {
    tacitTls.setDefaultCACertificates(before);
  }
  expect(await connect()).toBe('error UNABLE_TO_VERIFY_LEAF_SIGNATURE');
});

test('nothing but certificates is a default', () => {
  for (const given of [undefined, 'pem', [1]])
    expect(() => tacitTls.setDefaultCACertificates(given as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
  expect(() => tacitTls.getCACertificates('others' as never)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
  );
});

test('what can be no anchor is refused, and changes nothing', () => {
  const before = tacitTls.getCACertificates();
  const broken = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n';
  for (const given of [['garbage'], [root.pem, broken]])
    expect(() => tacitTls.setDefaultCACertificates(given)).toThrow();
  expect(tacitTls.getCACertificates()).toEqual(before);
});

/** What a process of its own prints. */
function printed(program: string, flags: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const face = new URL('../../dist/node.js', import.meta.url);
  const text = `import tls from ${JSON.stringify(face.href)};\n${program}`;
  const given = [...flags, '--no-warnings', '--input-type=module', '--eval', text];
  return new Promise((resolve, reject) => {
    const options = { env: { PATH: process.env['PATH'], ...env } };
    execFile(process.execPath, given, options, (error, stdout) =>
      error ? reject(error) : resolve(stdout.trim()),
    );
  });
}

test('flags and variables count as they were when the process began, the last of a flag', async () => {
  const program = `
    process.env.NODE_OPTIONS = '--use-openssl-ca';
    console.log(tls.getCACertificates().includes(tls.rootCertificates[0]));`;
  const isMozillas = (options: string, ...flags: string[]): Promise<string> =>
    printed(program, flags, { NODE_OPTIONS: options });
  expect(await isMozillas('')).toBe('true');
  expect(await isMozillas('--use-openssl-ca')).toBe('false');
  expect(await isMozillas('--use-openssl-ca', '--no-use-openssl-ca')).toBe('true');
  expect(await isMozillas('', '--use_openssl_ca')).toBe('false');
});

test('--tls-keylog writes the secrets of all connections', async () => {
  const { port } = await listening(node, identity());
  const folder = mkdtempSync(join(tmpdir(), 'keylog-'));
  const file = join(folder, 'keys');
  const face = new URL('../../dist/node.js', import.meta.url);
  const program = `import tls from ${JSON.stringify(face.href)};
    const socket = tls.connect({ port: ${port}, host: '127.0.0.1', rejectUnauthorized: false }, () => socket.destroy());`;
  try {
    await new Promise<void>((resolve, reject) => {
      const flags = [`--tls-keylog=${file}`, '--input-type=module', '--eval', program];
      execFile(process.execPath, flags, (error) => (error ? reject(error) : resolve()));
    });
    expect(readFileSync(file, 'latin1')).toMatch(/^CLIENT_HANDSHAKE_TRAFFIC_SECRET [0-9a-f]{64} /m);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
