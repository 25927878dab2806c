import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { TrustVerdict } from '../../src/handshake/identity.ts';
import { clientConfig, serverConfig } from '../../src/net/config.ts';
import type { RevocationOptions } from '../../src/net/revocation.ts';
import { x509Trust } from '../../src/net/trust.ts';
import {
  extension,
  intermediateCertificate,
  pemChain,
  serverCertificate,
  signatures,
  type TestCertificate,
} from '../support/certificates.ts';
import {
  type CrlOptions,
  crlExtension,
  crlPem,
  issuingDistributionPoint,
  makeCrl,
  reason,
} from '../support/crl.ts';
import { ascii, der, sequence } from '../support/der.ts';
import { expectRefused, expectTrusted, intermediate, leaf, makeChain, now, root } from '../support/trust.ts';

beforeAll(makeChain);

const host = 'www.example.org';

function judge(
  crls: RevocationOptions['crls'],
  options: {
    readonly chain?: readonly TestCertificate[];
    readonly unknownStatus?: 'allow' | 'refuse';
    readonly now?: number;
  } = {},
): TrustVerdict {
  const { chain = [leaf, intermediate], unknownStatus } = options;
  const policy = x509Trust(
    { ca: root.pem, purpose: 'server', revocation: { crls, unknownStatus } },
    nodeCrypto,
  );
  const peer = {
    chain: chain.map((one) => one.der),
    purpose: 'server',
    host,
    now: options.now ?? now,
  } as const;
  return policy.verify(peer, { signal: new AbortController().signal }) as TrustVerdict;
}

/** Lists of both issuers, of which the intermediate's says what a test wants. */
function lists(options: CrlOptions = {}): Uint8Array[] {
  return [makeCrl(intermediate, options), makeCrl(root)];
}

describe('a chain whose issuers have lists', () => {
  test('is trusted where nobody is on one, until the first of them is out of date', () => {
    expect(expectTrusted(judge(lists()))).toBe(Date.parse('2026-07-01T00:00:00Z'));
    expect(expectTrusted(judge([crlPem(makeCrl(root)) + crlPem(makeCrl(intermediate))]))).toBeGreaterThan(
      now,
    );
    expectTrusted(judge([Buffer.from(crlPem(makeCrl(root))), makeCrl(intermediate)]));
  });

  test('is refused where the leaf is on one, and is told when and why', () => {
    const verdict = judge(lists({ revoked: [{ certificate: leaf, extensions: [reason(1)] }] }));
    const error = expectRefused(verdict, 'revoked', 'certificate_revoked', { position: 0 });
    expect(error.message).toMatch(/revoked by its issuer on 2026-04-01T00:00:00.000Z \(keyCompromise\)/);
  });

  test('is refused where an intermediate is on one', () => {
    const verdict = judge([makeCrl(intermediate), makeCrl(root, { revoked: [intermediate] })]);
    expectRefused(verdict, 'revoked', 'certificate_revoked', { position: 1 });
  });

  test('is refused for what a list that is out of date says, too', () => {
    const old = { nextUpdate: new Date('2026-05-15T00:00:00Z') };
    expectRefused(judge(lists({ ...old, revoked: [leaf] })), 'revoked', 'certificate_revoked');
    expectRefused(
      judge(lists(old), { unknownStatus: 'allow' }),
      'revocation_unknown',
      'certificate_unknown',
      {
        position: 0,
      },
    );
    const tomorrow = { thisUpdate: new Date(now + 86_400_000) };
    expectRefused(judge(lists(tomorrow)), 'revocation_unknown', 'certificate_unknown');
    expectTrusted(judge([...lists(old), makeCrl(intermediate)]));
  });

  test('is refused whatever the reason', () => {
    for (const code of [0, 2, 6, 8, 10]) {
      const verdict = judge(lists({ revoked: [{ certificate: leaf, extensions: [reason(code)] }] }));
      expectRefused(verdict, 'revoked', 'certificate_revoked');
    }
  });

  test('needs one of each issuer, unless the unknown is allowed', () => {
    for (const crls of [makeCrl(root), makeCrl(intermediate)])
      expectRefused(judge(crls), 'revocation_unknown', 'certificate_unknown');
    expectTrusted(judge(makeCrl(root), { unknownStatus: 'allow' }));
    expectRefused(
      judge(makeCrl(root, { revoked: [intermediate] }), { unknownStatus: 'allow' }),
      'revoked',
      'certificate_revoked',
    );
  });
});

describe('a list counts only', () => {
  test('if the issuer of the certificate has signed it', async () => {
    const namesake = await intermediateCertificate(root, { key: 'p384' });
    const forged = makeCrl({ ...intermediate, key: namesake.key }, { revoked: [leaf] });
    expectRefused(judge([forged, makeCrl(root)]), 'revocation_unknown', 'certificate_unknown');
    expectTrusted(judge([forged, makeCrl(root)], { unknownStatus: 'allow' }));
    expectTrusted(judge([forged, ...lists()]));
  });

  test('if that issuer may sign lists', async () => {
    const cannot = await intermediateCertificate(root, { keyUsage: ['keyCertSign'] });
    const below = await serverCertificate(cannot, { names: [host] });
    const crls = [makeCrl(cannot, { revoked: [below] }), makeCrl(root)];
    expectRefused(judge(crls, { chain: [below, cannot] }), 'revocation_unknown', 'certificate_unknown');
    const says = await intermediateCertificate(root, { keyUsage: [] });
    const other = await serverCertificate(says, { names: [host] });
    const silent = [makeCrl(says, { revoked: [other] }), makeCrl(root)];
    expectRefused(judge(silent, { chain: [other, says] }), 'revoked', 'certificate_revoked');
  });

  test('if it is signed with something that is believed', () => {
    const sha1 = lists({ signature: { ...signatures.ecdsaWithSha1 } });
    expectRefused(judge(sha1), 'revocation_unknown', 'certificate_unknown');
  });

  test('if it is about certificates of that kind', () => {
    const [users, authorities] = [0x81, 0x82].map((tag) =>
      issuingDistributionPoint(der(tag, Uint8Array.of(0xff))),
    );
    expectTrusted(judge(lists({ extensions: [users!] })));
    expectRefused(
      judge(lists({ extensions: [authorities!], revoked: [leaf] })),
      'revocation_unknown',
      'certificate_unknown',
      { position: 0 },
    );
    const both = [makeCrl(intermediate), makeCrl(root, { extensions: [users!] })];
    expectRefused(judge(both), 'revocation_unknown', 'certificate_unknown', { position: 1 });
  });

  test('if the certificate names its place, where it has one', async () => {
    const place = (uri: string): Uint8Array => der(0xa0, der(0xa0, der(0x86, ascii(uri))));
    const points = (...fields: readonly Uint8Array[]) =>
      extension('2.5.29.31', false, sequence(sequence(...fields)));
    const at = async (...fields: readonly Uint8Array[]): Promise<readonly TestCertificate[]> => [
      await serverCertificate(intermediate, { names: [host], extensions: [points(...fields)] }),
      intermediate,
    ];
    const ours = { extensions: [issuingDistributionPoint(place('http://a.example/1.crl'))] };
    expectTrusted(judge(lists(ours), { chain: await at(place('http://a.example/1.crl')) }));
    for (const chain of [
      await at(place('http://a.example/2.crl')),
      await at(place('http://a.example/1.crl'), der(0x81, Uint8Array.of(6, 0x40))),
      [leaf, intermediate],
    ])
      expectRefused(judge(lists(ours), { chain }), 'revocation_unknown', 'certificate_unknown', {
        position: 0,
      });
  });
});

describe('a list is refused when it is given', () => {
  const malformed = (list: Uint8Array, pattern: RegExp): void => {
    expect(() => judge(list)).toThrow(TlsUsageError);
    expect(() => judge(list)).toThrow(pattern);
  };

  test.each([
    [
      'a delta',
      { extensions: [crlExtension('2.5.29.27', true, der(0x02, Uint8Array.of(1)))] },
      /a delta CRL/,
    ],
    [
      'indirect',
      { extensions: [issuingDistributionPoint(der(0x84, Uint8Array.of(0xff)))] },
      /an indirect CRL/,
    ],
    [
      'for some reasons',
      { extensions: [issuingDistributionPoint(der(0x83, Uint8Array.of(6, 0x40)))] },
      /some reasons/,
    ],
    [
      'of attributes',
      { extensions: [issuingDistributionPoint(der(0x85, Uint8Array.of(0xff)))] },
      /attribute/,
    ],
    ['not understood', { extensions: [crlExtension('1.2.3.4', true, sequence())] }, /1\.2\.3\.4/],
    [
      'without a number',
      { withoutNumber: true, extensions: [crlExtension('1.2.3', false, sequence())] },
      /cRLNumber/,
    ],
    ['without extensions', { withoutNumber: true }, /without extensions/],
    ['without an end', { nextUpdate: 'absent' }, /without nextUpdate/],
  ] as const)('that is %s', (_, options, pattern) => {
    malformed(makeCrl(intermediate, options), pattern);
  });

  test('whose entries say what is not understood', () => {
    const entryWith = (extra: Uint8Array): Uint8Array =>
      makeCrl(intermediate, { revoked: [{ certificate: leaf, extensions: [extra] }] });
    malformed(entryWith(crlExtension('2.5.29.29', true, sequence())), /indirect/);
    malformed(entryWith(crlExtension('1.2.3.4', true, sequence())), /1\.2\.3\.4/);
    malformed(entryWith(reason(7)), /a reason that does not exist/);
    malformed(entryWith(reason(11)), /a reason that does not exist/);
  });

  test('with every truncation, and with anything behind it', () => {
    const list = makeCrl(intermediate, { revoked: [leaf] });
    for (let length = 0; length < list.length; length++)
      expect(() => judge(list.slice(0, length))).toThrow(TlsUsageError);
    malformed(new Uint8Array([...list, 0]), /values behind its last one/);
  });

  test('in another form, or beside options that have no effect', () => {
    const options =
      (revocation: unknown): (() => unknown) =>
      () =>
        clientConfig({ ca: root.pem, revocation: revocation as RevocationOptions }, nodeCrypto);
    expect(options({ crls: leaf.pem })).toThrow(/^revocation\.crls: expected X509 CRL blocks only/);
    expect(options({ crls: [] })).toThrow(/^revocation\.crls: expected at least one/);
    expect(options({ crls: 5 })).toThrow(/^revocation\.crls: /);
    expect(options({ crls: makeCrl(root), unknownStatus: 'maybe' })).toThrow(/^revocation\.unknownStatus: /);
    expect(options({ crls: makeCrl(root), crl: 1 })).toThrow(/^revocation\.crl: there is no such option/);
    const identity = { cert: leaf.pem, key: leaf.keyPem };
    expect(() => serverConfig({ identity, revocation: { crls: makeCrl(root) } }, nodeCrypto)).toThrow(
      /^revocation: /,
    );
    const dangerouslyVerifyPeer = () => ({ trusted: true, validUntil: now }) as const;
    expect(() =>
      clientConfig({ dangerouslyVerifyPeer, revocation: { crls: makeCrl(root) } }, nodeCrypto),
    ).toThrow(/^dangerouslyVerifyPeer: it replaces `revocation`/);
  });
});

test('a session from before a list is none under it', () => {
  const print = (revocation?: RevocationOptions): string =>
    Buffer.from(x509Trust({ ca: root.pem, purpose: 'server', revocation }, nodeCrypto).fingerprint).toString(
      'hex',
    );
  const prints = [
    print(),
    print({ crls: lists() }),
    print({ crls: lists(), unknownStatus: 'allow' }),
    print({ crls: lists({ revoked: [leaf] }) }),
  ];
  expect(new Set(prints).size).toBe(4);
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

test.skipIf(!hasOpenssl)(
  'openssl says the same of good, revoked, missing, stale and forged lists (needs openssl)',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tacit-crl-'));
    const file = (name: string, content: string): string => {
      const path = join(directory, name);
      writeFileSync(path, content);
      return path;
    };
    const namesake = await intermediateCertificate(root, { key: 'p384' });
    const cases: readonly (readonly Uint8Array[])[] = [
      lists(),
      lists({ revoked: [leaf] }),
      [makeCrl(intermediate), makeCrl(root, { revoked: [intermediate] })],
      [makeCrl(root)],
      lists({ nextUpdate: new Date('2026-05-15T00:00:00Z') }),
      lists({ thisUpdate: new Date('2026-06-15T00:00:00Z') }),
      [makeCrl({ ...intermediate, key: namesake.key }), makeCrl(root)],
      lists({ extensions: [issuingDistributionPoint(der(0x82, Uint8Array.of(0xff)))] }),
    ];
    try {
      const verify = [
        'verify',
        '-crl_check_all',
        '-attime',
        String(now / 1_000),
        '-CAfile',
        file('root.pem', root.pem),
      ];
      const untrusted = [
        '-untrusted',
        file('intermediate.pem', pemChain(intermediate)),
        file('leaf.pem', leaf.pem),
      ];
      for (const [i, crls] of cases.entries()) {
        const listed = ['-CRLfile', file(`crls-${i}.pem`, crls.map(crlPem).join(''))];
        const { status, stderr } = spawnSync('openssl', [...verify, ...listed, ...untrusted], {
          encoding: 'utf8',
        });
        expect({ i, isGood: judge(crls).trusted, stderr }).toEqual({ i, isGood: status === 0, stderr });
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);
