import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { maxPkcs12Bytes, maxPkcs12Iterations } from '../../src/base/limits.ts';
import {
  intermediateCertificate,
  rootCertificate,
  serverCertificate,
  type TestCertificate,
  type TestKeyType,
} from '../support/certificates.ts';
import { ascii, der, objectIdentifier, sequence } from '../support/der.ts';
import { closeServers, faces, listening } from '../support/node-faces.ts';
import {
  bag,
  certBag,
  dataInfo,
  defaultPassphrase,
  ids,
  octets,
  type Pkcs12Options,
  pkcs12,
  pkcs12Of,
  withMac,
} from '../support/pkcs12.ts';

const { tacit, node } = faces;
const hasOpenssl = /^OpenSSL 3\./.test(spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout ?? '');
/** Not everywhere: it is a module of its own. */
const hasLegacy =
  hasOpenssl && spawnSync('openssl', ['list', '-provider', 'legacy', '-providers']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'tacit-pfx-'));
const nodeMajor = Number(process.versions.node.split('.')[0]);

let root: TestCertificate;
let leaf: TestCertificate;
const leaves = new Map<TestKeyType, TestCertificate>();
const keyTypes = ['rsa2048', 'p256', 'ed25519'] as const;

beforeAll(async () => {
  root = await rootCertificate();
  for (const key of keyTypes) leaves.set(key, await serverCertificate(root, { key }));
  leaf = leaves.get('p256')!;
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await closeServers();
});

type Outcome = { readonly name: string; readonly code: unknown; readonly message: string } | 'taken';

function outcome(tls: typeof node, options: object): Outcome {
  try {
    tls.createSecureContext(options);
    return 'taken';
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException;
    return { name, code, message };
  }
}

/** What Tacit says beside it: which remedy there is. */
function detailOf(options: object): string {
  try {
    tacit.createSecureContext(options);
    return 'taken';
  } catch (error) {
    const { message, cause } = error as Error;
    return cause instanceof Error ? cause.message : message;
  }
}

/** DER of the certificate that a server of ours shows, and its protocol. */
async function shown(options: SecureContextOptions): Promise<Buffer> {
  const { port } = await listening(tacit, options);
  const socket = node.connect({ port, host: '127.0.0.1', servername: 'localhost', ca: root.pem });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate().raw);
      socket.destroy();
    });
  });
}

const formats: [string, Pkcs12Options][] = [
  ['AES-256 and HMAC with SHA-256', {}],
  ['AES-128 derived with SHA-1', { cipher: 'aes-128-cbc', prf: 'sha1' }],
  [
    'AES-192 derived with SHA-224, and HMAC with SHA-384',
    { cipher: 'aes-192-cbc', prf: 'sha224', mac: 'sha384' },
  ],
  ['AES-256 derived with SHA-384, and HMAC with SHA-512', { prf: 'sha384', mac: 'sha512' }],
  ['3DES derived with SHA-512', { cipher: 'des-ede3-cbc', prf: 'sha512' }],
  ['3DES and HMAC with SHA-1', { cipher: '3des', mac: 'sha1' }],
  ['nothing but a MAC', { cipher: 'none' }],
];

describe.each(keyTypes)('a key of %s', (type) => {
  test.each(formats)('in a file with %s, as for node:tls', async (_what, options) => {
    const own = leaves.get(type)!;
    const pfx = pkcs12Of([own, root], options);
    expect(outcome(node, { pfx, passphrase: defaultPassphrase })).toBe('taken');
    expect(await shown({ pfx, passphrase: defaultPassphrase })).toEqual(Buffer.from(own.der));
  });

  test('in a file with RC2 of 40 bits, which node:tls does not read', async () => {
    const own = leaves.get(type)!;
    const pfx = pkcs12Of([own], { cipher: 'rc2', mac: 'sha1' });
    expect(await shown({ pfx, passphrase: defaultPassphrase })).toEqual(Buffer.from(own.der));
  });

  const cli: [string, string[], string][] = [
    ['as it is by default', [], 'pass'],
    ['-legacy', ['-legacy'], 'pass'],
    ['-legacy -descert', ['-legacy', '-descert'], 'pass'],
    ['of 10 000 iterations', ['-iter', '10000'], 'pass'],
    ['without a passphrase', [], ''],
    ['with a passphrase that is not ASCII', [], 'pässword 😀'],
  ];
  const possible = cli.filter(([, flags]) => hasLegacy || !flags.includes('-legacy'));
  test.skipIf(!hasOpenssl).each(possible)(
    'in a file of openssl pkcs12, %s',
    async (_what, flags, passphrase) => {
      const own = leaves.get(type)!;
      const [pem, file] = [join(folder, 'own.pem'), join(folder, 'own.p12')];
      writeFileSync(pem, own.pem + own.keyPem);
      const args = [
        'pkcs12',
        '-export',
        '-in',
        pem,
        '-passout',
        `pass:${passphrase}`,
        '-out',
        file,
        ...flags,
      ];
      expect(spawnSync('openssl', args).status).toBe(0);
      expect(await shown({ pfx: readFileSync(file), passphrase })).toEqual(Buffer.from(own.der));
    },
  );
});

describe('a passphrase', () => {
  const passphrases: [string, string | null, unknown][] = [
    ['that is empty', '', undefined],
    ['that is empty, and is given', '', ''],
    ['that is none', null, undefined],
    ['that is none, and is given as the empty one', null, ''],
    ['that is none, and is given as null', null, null],
    ['as bytes', 'pass', Buffer.from('pass')],
    ['that is not ASCII', 'pässword', 'pässword'],
    ['with a character of two code units', '😀', '😀'],
    ['that is not empty', '', 'pass'],
    ['that is missing', 'pass', undefined],
    ['that is another one', 'pass', 'Pass'],
    ['that is no text', 'pass', 5],
  ];
  test.each(passphrases)('%s, as for node:tls', (_what, passphrase, given) => {
    for (const cipher of ['aes-256-cbc', '3des', 'none'] as const) {
      const pfx = pkcs12Of([leaf], { passphrase, cipher });
      for (const options of [{ pfx, passphrase: given }, { pfx: [{ buf: pfx, passphrase: given }] }])
        expect(outcome(tacit, options)).toEqual(outcome(node, options));
    }
  });

  test('of each file, or that of all', () => {
    const [one, other] = ['one', 'other'].map((passphrase) => pkcs12Of([leaf], { passphrase }));
    const cases = [
      { pfx: [{ buf: one, passphrase: 'one' }, { buf: other }], passphrase: 'other' },
      { pfx: [{ buf: one, passphrase: '' }, one], passphrase: 'one' },
      { pfx: [one, other], passphrase: 'one' },
      { pfx: [{ buf: one, passphrase: 'other' }], passphrase: 'one' },
    ];
    for (const options of cases) expect(outcome(tacit, options)).toEqual(outcome(node, options));
    expect(cases.map((options) => outcome(tacit, options) === 'taken')).toEqual([true, true, false, false]);
  });
});

describe('what is no file', () => {
  const pfx = (): Buffer => pkcs12Of([leaf]);
  const cases: [string, () => unknown][] = [
    ['nothing', () => null],
    ['an empty list', () => []],
    ['no bytes', () => Buffer.alloc(0)],
    ['the empty text', () => ''],
    ['text', () => 'this is text, and no file'],
    ['PEM', () => leaf.pem],
    ['a certificate', () => leaf.der],
    ['a file that is cut off', () => pfx().subarray(0, 200)],
    ['a file and more behind it', () => Buffer.concat([pfx(), Buffer.from('more')])],
    ['a file in a list', () => [pfx()]],
    ['a Uint8Array', () => new Uint8Array(pfx())],
    ['a DataView', () => new DataView(new Uint8Array(pfx()).buffer)],
    ['an ArrayBuffer', () => new Uint8Array(pfx()).buffer],
    ['what belongs into a list', () => ({ buf: pfx() })],
    ['a number', () => 5],
    ['a number in a list', () => [5]],
    ['null in a list', () => [null]],
    ['false', () => false],
    ['no key', () => pkcs12({ certificates: [leaf] }, {})],
    ['no certificate', () => pkcs12({ keys: [leaf] }, {})],
    ['the certificate of another key', () => pkcs12({ keys: [leaf], certificates: [root] }, {})],
  ];
  test.each(cases)('%s: as for node:tls', (_what, make) => {
    const options = { pfx: make(), passphrase: defaultPassphrase };
    expect(outcome(tacit, options)).toEqual(outcome(node, options));
  });

  test('the cause names the option and the remedy, and no secret', () => {
    const details: [object, RegExp][] = [
      [{ pfx: pfx(), passphrase: 'my secret' }, /^pfx: the passphrase does not fit, or the file is damaged$/],
      [{ pfx: pfx() }, /^pfx: there is no passphrase, or the file is damaged$/],
      [{ pfx: leaf.pem }, /^pfx: this is no PKCS #12 file \(in DER, not PEM\), or a damaged one$/],
      [{ pfx: pfx().subarray(0, 200) }, /^pfx: the file is cut off, or is none$/],
    ];
    for (const [options, text] of details) expect(detailOf(options)).toMatch(text);
  });
});

test.each(['3085010101010101', '30ff01', '3088ffffffffffffffff00', '30840000', '3080'])(
  'a length that is none, %s, is said in our words',
  (hex) => {
    expect(detailOf({ pfx: Buffer.from(hex, 'hex') })).toMatch(/^pfx: this is no PKCS #12 file/);
  },
);

describe('the MAC', () => {
  test('must be there where there is a passphrase, and need not where anybody could make one', () => {
    const make = (cipher: Pkcs12Options['cipher'], passphrase: string | null): object => ({
      pfx: pkcs12Of([leaf], { mac: 'none', cipher: cipher!, passphrase }),
      passphrase: passphrase ?? undefined,
    });
    const absent = { name: 'Error', code: undefined, message: 'mac absent' };
    expect(outcome(tacit, make('aes-256-cbc', 'pass'))).toEqual(absent);
    expect(outcome(tacit, make('none', 'pass'))).toEqual(absent);
    // OpenSSL takes it from version 3.2 on.
    expect(outcome(node, make('aes-256-cbc', 'pass'))).toEqual(nodeMajor < 22 ? absent : 'taken');
    expect(outcome(tacit, make('none', null))).toBe('taken');
    expect(outcome(tacit, make('3des', null))).toBe('taken');
  });

  test('is over everything: whatever byte is damaged, the file is refused or what is left out says nothing', () => {
    const file = pkcs12Of([leaf], { cipher: 'none' });
    const start = file.indexOf(leaf.der);
    for (const at of file.keys()) {
      const damaged = Buffer.from(file);
      damaged[at]! ^= 0x01;
      const told = outcome(tacit, { pfx: damaged, passphrase: defaultPassphrase });
      if (at >= start && at < start + leaf.der.length)
        expect(told).toMatchObject({ message: 'mac verify failure' });
      if (told !== 'taken') expect(told.name, `${at}: ${told.message}`).toBe('Error');
    }
  });

  test('is no reason to trust the contents: whatever byte of them is damaged, that is said', () => {
    const safe = (): Uint8Array => {
      const bags = sequence(
        bag(ids.certBag, certBag(leaf.der), '1'),
        bag(ids.keyBag, leaf.key.export({ format: 'der', type: 'pkcs8' }), '1'),
      );
      return sequence(dataInfo(bags));
    };
    const known = new Set([
      'wrong tag',
      'Unable to load private key from PFX data',
      'Unable to load certificate from PFX data',
    ]);
    for (const at of safe().keys()) {
      const damaged = safe();
      damaged[at]! ^= [0x01, 0x20, 0x80][at % 3]!;
      const options = { pfx: withMac(damaged, { iterations: 1 }), passphrase: defaultPassphrase };
      const told = outcome(tacit, options);
      if (told !== 'taken') expect(known, `${at}: ${told.message}`).toContain(told.message);
    }
  });
});

describe('what else may be in a file', () => {
  const pkcs8 = (): Uint8Array => leaf.key.export({ format: 'der', type: 'pkcs8' });
  const read = async (safe: Uint8Array): Promise<void> => {
    const options = { pfx: withMac(safe, {}), passphrase: defaultPassphrase };
    expect(outcome(node, options)).toBe('taken');
    expect(await shown(options)).toEqual(Buffer.from(leaf.der));
  };

  test('bags within bags', async () => {
    const inner = sequence(bag(ids.certBag, certBag(leaf.der)), bag(ids.keyBag, pkcs8()));
    const middle = sequence(bag(ids.safeContentsBag, inner));
    await read(sequence(dataInfo(sequence(bag(ids.safeContentsBag, middle)))));
  });

  test('lists, secrets, certificates that are not X.509, contents of another type', async () => {
    const unknown = sequence(objectIdentifier('1.2.3.4'), der(0xa0, sequence()));
    const others = [
      bag(ids.crlBag, certBag(leaf.der)),
      bag('1.2.840.113549.1.12.10.1.5', certBag(leaf.der)),
      bag(ids.certBag, sequence(objectIdentifier(ids.sdsiCertificate), der(0xa0, der(0x16, ascii('AAAA'))))),
    ];
    const bags = sequence(...others, bag(ids.certBag, certBag(leaf.der)), bag(ids.keyBag, pkcs8()));
    await read(sequence(unknown, dataInfo(bags)));
  });

  test('a second key, which is not read', async () => {
    const pfx = pkcs12({ keys: [leaf, leaves.get('rsa2048')!], certificates: [leaf] }, {});
    expect(await shown({ pfx, passphrase: defaultPassphrase })).toEqual(Buffer.from(leaf.der));
  });

  test('BER: lengths that are not said, and strings in pieces', async () => {
    const bags = sequence(bag(ids.certBag, certBag(leaf.der)), bag(ids.keyBag, pkcs8()));
    const pieces = [bags.subarray(0, 100), bags.subarray(100)].map(octets);
    const end = Buffer.of(0, 0);
    const content = Buffer.concat([Buffer.of(0x24, 0x80), ...pieces, end]);
    const explicit = Buffer.concat([Buffer.of(0xa0, 0x80), content, end]);
    const info = Buffer.concat([Buffer.of(0x30, 0x80), objectIdentifier(ids.data), explicit, end]);
    await read(Buffer.concat([Buffer.of(0x30, 0x80), info, end]));
  });
});

describe('bounds', () => {
  const options = { passphrase: defaultPassphrase };
  const inTime = (pfx: Uint8Array): string => {
    const start = performance.now();
    const detail = detailOf({ ...options, pfx });
    expect(performance.now() - start).toBeLessThan(5_000);
    return detail;
  };

  test('of iterations, of each part and of all of them together', () => {
    const tooMany = new RegExp(`^pfx: its keys take more than ${maxPkcs12Iterations} iterations`);
    for (const count of [2 ** 31 - 1, 2 ** 31, 2 ** 52])
      expect(inTime(pkcs12Of([leaf], { claimed: { mac: count } }))).toMatch(tooMany);
    for (const cipher of ['aes-256-cbc', '3des'] as const)
      expect(inTime(pkcs12Of([leaf], { cipher, claimed: { keys: maxPkcs12Iterations } }))).toMatch(tooMany);
  });

  test('of iterations below, too: none would make a key of nothing', () => {
    for (const claimed of [{ mac: 0 }, { keys: 0 }])
      for (const cipher of ['aes-256-cbc', '3des'] as const)
        expect(inTime(pkcs12Of([leaf], { cipher, claimed }))).toMatch(/^pfx: this is no PKCS #12 file/);
  });

  test('of the path in it: so many certificates of one name may each be the issuer of each', async () => {
    const ownKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const chain = [await rootCertificate({ subject: 'CN=One', key: ownKey() })];
    for (let count = 0; count < 500; count += 1)
      chain.push(
        await intermediateCertificate(chain.at(-1)!, {
          subject: 'CN=One',
          key: ownKey(),
          withoutKeyIdentifiers: true,
        }),
      );
    const own = await serverCertificate(chain.at(-1)!);
    expect(inTime(pkcs12Of([own, ...chain]))).toBe('taken');
  });

  test('of bytes, of values and of values in values', () => {
    expect(inTime(Buffer.alloc(maxPkcs12Bytes + 1))).toMatch(/^pfx: the file has 1048577 bytes, more than/);
    const wide = sequence(Buffer.alloc(maxPkcs12Bytes - 8, der(0x05)));
    const deep = Buffer.alloc(maxPkcs12Bytes, Buffer.of(0x30, 0x80));
    for (const pfx of [wide, deep]) expect(inTime(pfx)).toMatch(/^pfx: this is no PKCS #12 file/);
  });
});

test('what is not supported is named', () => {
  const safe = (algorithm: string): Uint8Array =>
    sequence(dataInfo(sequence(bag(ids.shroudedKeyBag, sequence(sequence(objectIdentifier(algorithm)))))));
  const pfx = withMac(safe('1.2.840.113549.1.12.1.1'), {});
  const options = { pfx, passphrase: defaultPassphrase };
  expect(outcome(tacit, options)).toMatchObject({ code: 'ERR_CRYPTO_UNSUPPORTED_OPERATION' });
  expect(detailOf(options)).toMatch(/^pfx: the algorithm 1\.2\.840\.113549\.1\.12\.1\.1 is not supported/);
});

test.each([0, 65, 500_000])('an algorithm whose name has %d bytes is none, and is not repeated', (length) => {
  const algorithm = sequence(der(0x06, Buffer.alloc(length, 1)));
  const safe = sequence(dataInfo(sequence(bag(ids.shroudedKeyBag, sequence(algorithm)))));
  const options = { pfx: withMac(safe, {}), passphrase: defaultPassphrase };
  expect(detailOf(options)).toMatch(/^pfx: this is no PKCS #12 file/);
});
