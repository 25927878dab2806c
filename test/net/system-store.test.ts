import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import type { TrustVerdict } from '../../src/handshake/identity.ts';
import { trustAnchors } from '../../src/net/anchors.ts';
import { clientConfig, serverConfig } from '../../src/net/config.ts';
import { type X509TrustOptions, x509Trust } from '../../src/net/trust.ts';
import { verifyCertificates } from '../../src/net/verify-certificates.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { TlsStream } from '../../src/streams/tls-stream.ts';
import { memoryStreamPair } from '../../src/testing.ts';
import { clientCertificate, rootCertificate, type TestCertificate } from '../support/certificates.ts';
import { serverPem } from '../support/tls-endpoints.ts';
import { expectRefused, expectTrusted, intermediate, leaf, makeChain, now, root } from '../support/trust.ts';

const nodesOwn = vi.hoisted(() => ({ read: undefined as (() => readonly string[]) | undefined }));

vi.mock('node:tls', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:tls')>();
  return {
    ...original,
    get getCACertificates() {
      return nodesOwn.read;
    },
  };
});

const files = vi.hoisted(() => ({ below: '', fails: '' }));

// The usual places are the machine's, so others stand in for them.
vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs')>();
  const moved = (path: string): string => (/^\/(?:etc|usr)\//.test(path) ? files.below + path : path);
  return {
    ...original,
    readFileSync(path: string, encoding: 'latin1') {
      if (files.fails !== '' && path.endsWith(files.fails))
        throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
      return original.readFileSync(moved(path), encoding);
    },
    readdirSync: (path: string) => original.readdirSync(moved(path)),
    statSync: (path: string) => original.statSync(moved(path)),
  };
});

const directory = mkdtempSync(join(tmpdir(), 'tacit-system-'));
const { platform } = process;
let other: TestCertificate;

beforeAll(async () => {
  await makeChain();
  other = await rootCertificate({ subject: 'CN=Other Root' });
});

afterAll(() => rmSync(directory, { recursive: true }));

beforeEach(() => store({ file: '', directories: '' }));

afterEach(() => {
  vi.unstubAllEnvs();
  nodesOwn.read = undefined;
  files.below = '';
  files.fails = '';
  Object.defineProperty(process, 'platform', { value: platform });
});

/** What the environment says of the store: paths below `directory`; empty, nothing. */
function store({ file = '', directories = '' }: { file?: string; directories?: string }): void {
  const path = (name: string): string => (name === '' ? '' : join(directory, name));
  vi.stubEnv('SSL_CERT_FILE', path(file));
  vi.stubEnv('SSL_CERT_DIR', directories.split(':').map(path).join(':'));
}

function write(name: string, content: string | Uint8Array): string {
  mkdirSync(join(directory, name, '..'), { recursive: true });
  writeFileSync(join(directory, name), content);
  return name;
}

/** One that has read no store yet: a store is read once by provider. */
function provider(): CryptoProvider {
  return { ...nodeCrypto };
}

function judge(ca: X509TrustOptions['ca'], by: CryptoProvider = provider()): TrustVerdict {
  const policy = x509Trust({ ca, purpose: 'server' }, by);
  const chain = [leaf.der, intermediate.der];
  const context = { signal: new AbortController().signal };
  return policy.verify({ chain, purpose: 'server', host: 'www.example.org', now }, context) as TrustVerdict;
}

function expectUnknown(verdict: TrustVerdict): void {
  expectRefused(verdict, 'unknown_issuer', 'unknown_ca');
}

const broken = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n';

describe("ca: 'system'", () => {
  test('trusts who is in the file that SSL_CERT_FILE names, and nobody else', () => {
    store({ file: write('root.pem', root.pem) });
    expectTrusted(judge('system'));
    store({ file: write('other.pem', other.pem) });
    expectUnknown(judge('system'));
  });

  test('trusts who is in a directory of SSL_CERT_DIR, under any name, beside the file', () => {
    write('one/a', other.pem);
    write('two/b.txt', root.pem);
    store({ file: write('other.pem', other.pem), directories: 'one:two' });
    expectTrusted(judge('system'));
    store({ directories: 'one:' });
    expectUnknown(judge('system'));
  });

  test.each([
    ['linux', 'etc/ssl/certs', 'etc/pki/tls/certs/ca-bundle.crt', 'etc/ssl/cert.pem'],
    ['freebsd', 'usr/local/share/certs', 'usr/local/etc/ssl/cert.pem', 'etc/ssl/cert.pem'],
  ])('is on %s the first of the usual bundles, and all of the usual directories', (system, ...places) => {
    const [folder, first, second] = places as [string, string, string];
    Object.defineProperty(process, 'platform', { value: system });
    files.below = join(directory, system);
    vi.stubEnv('SSL_CERT_FILE', undefined);
    vi.stubEnv('SSL_CERT_DIR', undefined);
    expect(() => judge('system')).toThrow(`/${first} (ENOENT), `);
    write(`${system}/${second}`, root.pem);
    expectTrusted(judge('system'));
    write(`${system}/${first}`, other.pem);
    expectUnknown(judge('system'));
    write(`${system}/${folder}/any`, root.pem);
    expectTrusted(judge('system'));
    // Each variable stands for its half only.
    vi.stubEnv('SSL_CERT_DIR', '');
    expectUnknown(judge('system'));
    vi.stubEnv('SSL_CERT_FILE', join(files.below, second));
    expectTrusted(judge('system'));
  });

  test('passes over what cannot be read, before and behind what can', () => {
    const cut = `${other.pem.slice(0, 200)}\n`;
    store({ file: write('mixed.pem', `${broken}${cut}about the next\n${root.pem}${broken}`) });
    expectTrusted(judge('system'));
    expect(trustAnchors('system', 'server', provider())().count).toBe(1);
  });

  test('reads line ends of any kind', () => {
    store({ file: write('windows.pem', root.pem.replaceAll('\n', '\r\n')) });
    expectTrusted(judge('system'));
  });

  test('takes no trust from a TRUSTED CERTIFICATE, which may be distrusted', () => {
    const trusted = root.pem.replaceAll(' CERTIFICATE', ' TRUSTED CERTIFICATE');
    store({ file: write('trusted.pem', `${trusted}${other.pem}`) });
    expectUnknown(judge('system'));
    expect(trustAnchors('system', 'server', provider())().count).toBe(1);
  });

  test('has a certificate once that is in several places', () => {
    write('same/root.pem', root.pem);
    write('same/bundle.crt', `${other.pem}${root.pem}`);
    symlinkSync('root.pem', join(directory, 'same/deadbeef.0'));
    store({ file: write('root.pem', root.pem), directories: 'same:same' });
    expect(trustAnchors('system', 'server', provider())().count).toBe(2);
  });

  test('follows links to elsewhere, but neither pipes nor folders nor what is gone', () => {
    write('linked/folder/root.pem', root.pem);
    const path = join(directory, 'linked');
    symlinkSync('gone/away', join(path, 'gone'));
    symlinkSync('./loop', join(path, 'loop'));
    execFileSync('mkfifo', [join(path, 'pipe')]);
    store({ file: write('other.pem', other.pem), directories: 'linked' });
    expectUnknown(judge('system'));
    symlinkSync('folder/root.pem', join(path, 'root.pem'));
    expectTrusted(judge('system'));
  });

  test.each([
    ['nothing', '', '', 'SSL_CERT_FILE and SSL_CERT_DIR, which are empty'],
    ['what is not there', 'absent.pem', 'absent', 'absent.pem (ENOENT), /'],
    ['a folder for a file', '.', '', '(not a file of at most 16 MiB)'],
    ['files without a certificate', 'none.pem', 'empty', 'none.pem, /'],
  ])('that is %s is an error that says where was looked', (_, file, directories, says) => {
    write('none.pem', `${broken}and no other`);
    mkdirSync(join(directory, 'empty'), { recursive: true });
    store({ file, directories });
    expect(() => judge('system')).toThrow(TlsUsageError);
    expect(() => judge('system')).toThrow(`no certificate in the system's store; looked at `);
    expect(() => judge('system')).toThrow(says);
    expect(() => verifyCertificates(leaf.pem, { ca: 'system', host: 'x' }, provider())).toThrow(says);
  });

  test('takes a file that an editor has put a byte order mark ahead of', () => {
    store({ file: write('marked.pem', `\ufeff${root.pem}`) });
    expectTrusted(judge('system'));
  });

  test('passes over a file that is larger than any store', () => {
    const name = write('large/huge.pem', root.pem);
    truncateSync(join(directory, name), 2 ** 24 + 1);
    store({ file: write('other.pem', other.pem), directories: 'large' });
    expectUnknown(judge('system'));
    truncateSync(join(directory, name), 2 ** 24);
    expectTrusted(judge('system'));
  });

  test('is read whole or not at all: what may pass is an error, and the next time is another', () => {
    const own = provider();
    write('failing/root.pem', root.pem);
    store({ file: write('other.pem', other.pem), directories: 'failing' });
    const anchors = trustAnchors('system', 'server', own);
    files.fails = 'root.pem';
    expect(anchors).toThrow(TlsUsageError);
    expect(anchors).toThrow(/^ca: the system's store cannot be read \(EMFILE\)/);
    files.fails = '';
    expect(anchors().count).toBe(2);
  });

  test('that is empty fails a connection before a byte is sent', async () => {
    const [here, there] = memoryStreamPair();
    const config = clientConfig({ ca: 'system' }, provider());
    expect(() => TlsStream.client(here, config, { host: 'x' })).toThrow(TlsUsageError);
    await here.closeWrite();
    expect(await there.read()).toBeNull();
  });

  test('is read when it is needed, once', () => {
    store({ file: 'later.pem' });
    const by = provider();
    const config = clientConfig({ ca: ['system', other.pem] }, by);
    const policy = x509Trust({ ca: 'system', purpose: 'server' }, by);
    write('later.pem', root.pem);
    const { fingerprint } = policy;
    expectTrusted(judge('system', by));
    write('later.pem', other.pem);
    expectTrusted(judge('system', by));
    expect(x509Trust({ ca: 'system', purpose: 'server' }, by).fingerprint).toEqual(fingerprint);
    expect(config.sessionScope).toBe(clientConfig({ ca: [other.pem, root.pem] }, by).sessionScope);
    expectUnknown(judge('system'));
  });

  test('is looked for again where it was empty', () => {
    store({ file: 'filled.pem' });
    const by = provider();
    expect(() => judge('system', by)).toThrow(TlsUsageError);
    write('filled.pem', root.pem);
    expectTrusted(judge('system', by));
  });

  test('may hold the authorities of clients', async () => {
    store({ file: write('root.pem', root.pem) });
    const config = serverConfig(
      { identity: serverPem, clientAuthentication: 'require', ca: 'system' },
      provider(),
    );
    const client = await clientCertificate(intermediate);
    const peer = { chain: [client.der, intermediate.der], purpose: 'client', host: undefined, now } as const;
    const context = { signal: new AbortController().signal };
    expectTrusted(config.clientTrust?.verify(peer, context) as TrustVerdict);
  });
});

describe('several sets at once', () => {
  test('trust whom any of them trusts', () => {
    store({ file: write('other.pem', other.pem) });
    expectUnknown(judge(['system', 'bundled']));
    expectTrusted(judge(['system', root.pem]));
    expectTrusted(judge([root.der, 'bundled']));
    store({ file: write('root.pem', root.pem) });
    expectTrusted(judge(['bundled', 'system', other.pem]));
  });

  test('trust a certificate as it is that any of them has', () => {
    store({ file: write('leaf.pem', leaf.pem) });
    const options = { host: 'www.example.org', now };
    for (const ca of [
      ['system', other.pem],
      ['bundled', leaf.pem],
      ['bundled', 'system'],
    ])
      expect(verifyCertificates(leaf.pem, { ...options, ca }, provider()).trusted).toBe(true);
    expect(verifyCertificates(leaf.pem, { ...options, ca: ['bundled', other.pem] }, provider()).trusted).toBe(
      false,
    );
  });

  test('have one fingerprint with the same certificates in any order and form', () => {
    store({ file: write('root.pem', root.pem) });
    const by = provider();
    const print = (ca: X509TrustOptions['ca']): string =>
      Buffer.from(x509Trust({ ca, purpose: 'server' }, by).fingerprint).toString('hex');
    const both = print([root.pem, other.pem]);
    expect(print(['system', other.pem])).toBe(both);
    expect(print([other.der, 'system', root.pem, 'system'])).toBe(both);
    expect(print('system')).toBe(print(root.pem));
    expect(print('bundled')).toBe(print(undefined));
    const different = ['system', 'bundled', ['bundled', 'system'], ['bundled', other.pem]].map(print);
    expect(new Set([both, ...different]).size).toBe(5);
  });

  test('have a certificate once that is in several', () => {
    store({ file: write('root.pem', root.pem) });
    const anchors = trustAnchors(['system', root.pem, other.pem], 'server', provider())();
    expect(anchors.count).toBe(2);
    expect(anchors.withSubject(parseCertificate(root.der).subject)).toHaveLength(1);
    expect(anchors.withSubject(parseCertificate(other.der).subject)).toHaveLength(1);
  });
});

describe('where the store is no files', () => {
  test('Node reads it, where it can', () => {
    Object.defineProperty(process, 'platform', { value: 'win32' });
    nodesOwn.read = () => [other.pem, broken, root.pem];
    expectTrusted(judge('system'));
    nodesOwn.read = () => [other.pem];
    expectUnknown(judge('system'));
    nodesOwn.read = () => [];
    expect(() => judge('system')).toThrow(/looked at what Node takes for the store on win32/);
  });

  test('and where it cannot, that is said at the call', () => {
    Object.defineProperty(process, 'platform', { value: 'darwin' });
    for (const ca of ['system', [root.pem, 'system']]) {
      expect(() => clientConfig({ ca }, provider())).toThrow(TlsUsageError);
      expect(() => clientConfig({ ca }, provider())).toThrow(/on darwin; use Node 22\.15 or later, or give/);
    }
    expectTrusted(judge(root.pem));
  });

  test('while Node is not asked where Tacit can read it', () => {
    nodesOwn.read = () => [root.pem];
    store({ file: write('other.pem', other.pem) });
    expectUnknown(judge('system'));
  });
});

describe('names of sets', () => {
  test.each(['System', 'default', 'extra', 'mozilla'])('%s is none', (ca) => {
    expect(() => judge(ca)).toThrow(TlsUsageError);
    expect(() => judge(ca)).toThrow(
      `ca: '${ca}' is no set of certificates; there are 'bundled' and 'system'`,
    );
    expect(() => judge([root.pem, ca])).toThrow(`ca[1]: '${ca}'`);
  });

  test('are strings, not what a file holds', () => {
    expect(() => judge(Buffer.from('system'))).toThrow(/ca: expected PEM certificates/);
    expect(() => judge('system\n')).toThrow(/ca: expected PEM certificates/);
  });

  test("'bundled' is refused for clients, whom public authorities certify without a question", () => {
    const server = { identity: serverPem, clientAuthentication: 'require' } as const;
    for (const ca of ['bundled', [root.pem, 'bundled']]) {
      expect(() => serverConfig({ ...server, ca }, provider())).toThrow(TlsUsageError);
      expect(() => serverConfig({ ...server, ca }, provider())).toThrow(/authorities of your clients/);
    }
    for (const ca of ['bundled', undefined]) {
      expect(() => verifyCertificates(leaf.pem, { ca, purpose: 'client' }, provider())).toThrow(
        /authorities of your clients/,
      );
    }
  });
});
