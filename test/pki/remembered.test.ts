import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { lookupKey } from '../../src/base/bytes.ts';
import { TlsCertificateError } from '../../src/base/errors.ts';
import { maxRememberedCertificates, maxRememberedItems } from '../../src/base/limits.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { anchorsOf } from '../../src/pki/anchors.ts';
import { type ChainQuestion, type Leniency, verifyChain } from '../../src/pki/verify.ts';
import { ascii, der, objectIdentifier, sequence } from '../support/der.ts';
import {
  authority,
  commonName,
  dnsNames,
  newKey,
  type RawCertificate,
  rawCertificate,
  rawExtension,
} from '../support/raw-certificates.ts';

const host = 'www.example.org';
const now = Date.parse('2026-06-01T00:00:00Z');
const [rootKey, intermediateKey, leafKey] = [newKey(), newKey(), newKey()];

function root(key = rootKey): Uint8Array {
  const name = commonName('Root');
  return rawCertificate({ subject: name, issuer: name, key, signer: key, extensions: [authority] });
}

function intermediate(others: Partial<RawCertificate> = {}): Uint8Array {
  const names = { subject: commonName('Intermediate'), issuer: commonName('Root') };
  return rawCertificate({
    ...names,
    key: intermediateKey,
    signer: rootKey,
    extensions: [authority],
    ...others,
  });
}

function leaf(others: Partial<RawCertificate> = {}): Uint8Array {
  const names = { subject: commonName('Leaf'), issuer: commonName('Intermediate') };
  return rawCertificate({
    ...names,
    key: leafKey,
    signer: intermediateKey,
    extensions: [dnsNames(host)],
    ...others,
  });
}

const authorityBelow = intermediate();

/** Judges chains, and counts the public-key work that it takes. */
class Judge {
  imports = 0;
  verified = 0;
  readonly #provider: CryptoProvider = {
    ...nodeCrypto,
    importPublicKey: (info) => {
      this.imports += 1;
      const key = nodeCrypto.importPublicKey(info);
      return (
        key && {
          schemes: key.schemes,
          modulusBits: key.modulusBits,
          verify: (...signed) => key.verify(...signed),
          verifySigned: (...signed) => {
            this.verified += 1;
            return key.verifySigned(...signed);
          },
        }
      );
    },
  };
  #anchors = anchorsOf([root()], this.#provider);

  trust(...ders: readonly Uint8Array[]): void {
    this.#anchors = anchorsOf(ders, this.#provider);
  }

  /** `trusted`, or the check that refuses. */
  judge(chain: readonly Uint8Array[], question: Partial<ChainQuestion> = {}, leniency?: Leniency): string {
    try {
      const provider = this.#provider;
      const usual = { provider, chain, anchors: this.#anchors, purpose: 'server', host, now } as const;
      verifyChain({ ...usual, ...question }, leniency);
      return 'trusted';
    } catch (error) {
      if (!(error instanceof TlsCertificateError)) throw error;
      return error.check;
    }
  }

  /** Signatures that are verified, and keys that are imported, for one more chain that is trusted. */
  workFor(
    chain: readonly Uint8Array[],
    leniency?: Leniency,
  ): { readonly verified: number; readonly imports: number } {
    const { verified, imports } = this;
    expect(this.judge(chain, {}, leniency)).toBe('trusted');
    return { verified: this.verified - verified, imports: this.imports - imports };
  }
}

describe('a trusted chain that is met again', () => {
  test('costs no public-key operation', () => {
    const judge = new Judge();
    const chain = [leaf(), authorityBelow];
    expect(judge.workFor(chain)).toEqual({ verified: 2, imports: 3 });
    expect(judge.workFor(chain)).toEqual({ verified: 0, imports: 0 });
    expect(judge.workFor(chain.map((der) => der.slice()))).toEqual({ verified: 0, imports: 0 });
  });

  test('spares its authorities another leaf', () => {
    const judge = new Judge();
    judge.workFor([leaf(), authorityBelow]);
    expect(judge.workFor([leaf({ key: newKey() }), authorityBelow])).toEqual({ verified: 1, imports: 1 });
  });

  test('is judged anew by date, name and anchors', () => {
    const judge = new Judge();
    const chain = [leaf(), authorityBelow];
    judge.workFor(chain);
    expect(judge.judge(chain, { now: Date.parse('1990-01-01') })).toBe('not_yet_valid');
    expect(judge.judge(chain, { now: Date.parse('2190-01-01') })).toBe('expired');
    expect(judge.judge(chain, { host: 'other.example.org' })).toBe('name_mismatch');
    judge.trust(root(newKey()));
    expect(judge.judge(chain)).toBe('bad_signature');
    judge.trust(
      rawCertificate({
        subject: commonName('Other'),
        issuer: commonName('Other'),
        key: rootKey,
        signer: rootKey,
        extensions: [authority],
      }),
    );
    expect(judge.judge(chain)).toBe('unknown_issuer');
    judge.trust(root());
    expect(judge.workFor(chain)).toEqual({ verified: 1, imports: 1 });
  });

  test('vouches for its own signatures alone', () => {
    const judge = new Judge();
    const chain = [leaf(), authorityBelow];
    judge.workFor(chain);
    const forgedLeaf = leaf({ signer: newKey() });
    expect(judge.judge([forgedLeaf, authorityBelow])).toBe('bad_signature');
    const stranger = newKey();
    expect(judge.judge([leaf({ signer: stranger }), intermediate({ key: stranger, signer: stranger })])).toBe(
      'bad_signature',
    );
    // The same signed part under another signature.
    const changed = chain.map((der) => der.slice());
    changed[0]![changed[0]!.length - 1]! ^= 1;
    expect(judge.judge(changed)).toBe('bad_signature');
    expect(judge.judge([chain[0]!, changed[0]!])).toBe('unknown_issuer');
  });

  test('is not changed by whoever has its bytes', () => {
    const judge = new Judge();
    const copies = [leaf(), authorityBelow];
    const mine = copies.map((der) => der.slice());
    judge.workFor(mine);
    for (const der of mine) der.fill(0, 40);
    expect(judge.judge(mine)).toBe('malformed');
    expect(judge.workFor(copies)).toEqual({ verified: 0, imports: 0 });
  });
});

describe('what is not remembered', () => {
  test.each([{ host: 'other.example.org' }, { now: Date.parse('2190-01-01') }])(
    'is a chain that was refused: %j',
    (question) => {
      const judge = new Judge();
      const chain = [leaf(), authorityBelow];
      expect(judge.judge(chain, question)).not.toBe('trusted');
      const refused = judge.verified;
      expect(judge.workFor(chain).verified).toBe(2);
      expect(judge.verified).toBe(refused + 2);
    },
  );

  test('is more than a number of certificates: the one that was not met for the longest time goes', () => {
    const judge = new Judge();
    const first = leaf();
    judge.workFor([first, authorityBelow]);
    const others = Array.from({ length: maxRememberedCertificates }, (_, i) =>
      leaf({ key: leafKey, subject: commonName(`Leaf ${i}`) }),
    );
    for (const other of others.slice(0, -2)) judge.workFor([other, authorityBelow]);
    expect(judge.workFor([first, authorityBelow])).toEqual({ verified: 0, imports: 0 });
    // It has just been met: two others push out what was met before it, and not the first one.
    for (const other of others.slice(-2)) judge.workFor([other, authorityBelow]);
    expect(judge.workFor([first, authorityBelow])).toEqual({ verified: 0, imports: 0 });
    expect(judge.workFor([others[0]!, authorityBelow])).toEqual({ verified: 1, imports: 1 });
    for (const other of others) judge.judge([other, authorityBelow]);
    // The authority was among every one of them.
    expect(judge.workFor([first, authorityBelow])).toEqual({ verified: 1, imports: 1 });
  });

  test.each([
    ['bytes', Array.from({ length: 40 }, (_, i) => `${i}.${'long-label.'.repeat(20)}example.org`)],
    ['names', Array.from({ length: maxRememberedItems }, (_, i) => `${i}.a`)],
  ])('is a certificate of unusually many %s', (_, names) => {
    const judge = new Judge();
    const large = leaf({ extensions: [dnsNames(host, ...names)] });
    judge.workFor([large, authorityBelow]);
    expect(judge.workFor([large, authorityBelow])).toEqual({ verified: 1, imports: 1 });
  });

  test('is what a trusted path did not lead through', () => {
    const judge = new Judge();
    const otherKey = newKey();
    const other = intermediate({ subject: commonName('Other'), key: otherKey });
    judge.workFor([leaf(), authorityBelow, other]);
    const below = leaf({ issuer: commonName('Other'), signer: otherKey });
    expect(judge.workFor([below, other])).toEqual({ verified: 2, imports: 2 });
    const stranger = newKey();
    const forged = intermediate({ key: stranger, signer: stranger });
    const genuine = leaf();
    expect(judge.judge([genuine, forged, authorityBelow])).toBe('trusted');
    expect(judge.judge([leaf({ signer: stranger }), forged])).toBe('bad_signature');
  });
});

describe('what is remembered of a path', () => {
  test('is who signed whom, and not who stands above', () => {
    const judge = new Judge();
    const name = commonName('Intermediate');
    const lowerKey = newKey();
    const lower = intermediate({ issuer: name, key: lowerKey, signer: intermediateKey });
    const below = leaf({ signer: lowerKey });
    expect(judge.judge([below, lower, authorityBelow])).toBe('trusted');
    expect(judge.judge([below, authorityBelow])).toBe('bad_signature');
    expect(judge.workFor([below, lower, authorityBelow])).toEqual({ verified: 0, imports: 0 });
  });

  test('is found by its bytes, even where another has the same lookup key', () => {
    const judge = new Judge();
    const good = leaf();
    judge.workFor([good, authorityBelow]);
    const forged = withLookupKey(leaf({ signer: newKey() }), lookupKey(good));
    expect(lookupKey(forged)).toBe(lookupKey(good));
    expect(judge.judge([forged, authorityBelow])).toBe('bad_signature');
    expect(judge.workFor([good, authorityBelow])).toEqual({ verified: 0, imports: 0 });
  });

  test('is for the provider that verified it alone', () => {
    const chain = [leaf(), authorityBelow];
    const anchors = anchorsOf([root()], nodeCrypto);
    const distrusting: CryptoProvider = {
      ...nodeCrypto,
      importPublicKey: (info) => {
        const key = nodeCrypto.importPublicKey(info);
        return (
          key && {
            schemes: key.schemes,
            modulusBits: key.modulusBits,
            verify: () => false,
            verifySigned: () => false,
          }
        );
      },
    };
    const judge = new Judge();
    expect(judge.judge(chain, { anchors, provider: nodeCrypto })).toBe('trusted');
    expect(judge.judge(chain, { anchors, provider: distrusting })).toBe('bad_signature');
    expect(judge.judge(chain, { anchors, provider: nodeCrypto })).toBe('trusted');
  });

  test('leaves its authorities to be judged: by date, by purpose, by what they allow', () => {
    const judge = new Judge();
    const brief = intermediate({
      validity: [der(0x17, ascii('240101000000Z')), der(0x17, ascii('260701000000Z'))],
    });
    const forServers = intermediate({
      extensions: [
        authority,
        rawExtension('2.5.29.37', false, sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'))),
      ],
    });
    const below = leaf();
    expect(judge.judge([below, brief])).toBe('trusted');
    expect(judge.judge([below, brief], { now: Date.parse('2027-01-01') })).toBe('expired');
    expect(judge.judge([below, forServers])).toBe('trusted');
    expect(judge.judge([below, forServers], { purpose: 'client', host: undefined })).toBe(
      'extended_key_usage',
    );
  });

  test('counts among the signatures that a peer may cost', () => {
    const chains = Array.from({ length: 2 }, () => new Judge());
    const key = generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey;
    const signer = { key, dsaEncoding: 'der' } as const;
    const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.4'));
    const large = { key, signer, algorithm, hash: 'sha512', extensions: [authority] };
    const name = (index: number): Uint8Array => commonName(`Level ${index}`);
    const anchor = rawCertificate({ ...large, subject: name(0), issuer: name(0) });
    const levels = Array.from({ length: 6 }, (_, index) =>
      rawCertificate({ ...large, subject: name(index + 1), issuer: name(index) }),
    );
    const namesake = rawCertificate({
      ...large,
      key: generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
      subject: name(1),
      issuer: name(0),
    });
    const end = rawCertificate({
      ...large,
      subject: commonName('End'),
      issuer: name(6),
      extensions: [dnsNames(host)],
    });
    const [fresh, warmed] = chains.map((judge) => {
      judge.trust(anchor);
      return judge;
    });
    // Every link is known to the warmed one in the end; with the namesake, the whole costs more than is allowed.
    for (const [index, level] of levels.entries()) {
      const below = rawCertificate({
        ...large,
        subject: commonName('End'),
        issuer: name(index + 1),
        extensions: [dnsNames(host)],
      });
      warmed!.judge([below, ...levels.slice(0, index), level]);
    }
    expect(warmed!.judge([end, ...levels])).toBe('trusted');
    const chain = [end, namesake, ...levels];
    expect(fresh!.judge(chain)).toBe('path_too_long');
    expect(warmed!.judge(chain)).toBe('path_too_long');
  });
});

describe('a certificate of version 1', () => {
  const old = { version: new Uint8Array(0), extensions: [] };
  const lenient = { namesCheckedBy: 'caller', version1: 'leaf' } as const;
  const strict = { namesCheckedBy: 'caller', version1: 'nowhere' } as const;
  const heirs = { ...old, subject: commonName('Root'), issuer: commonName('Root'), signer: rootKey };
  const oldRoot = leaf({ ...heirs, key: rootKey });

  test('is read and verified anew each time, and its authorities are not', () => {
    const judge = new Judge();
    const chain = [leaf(old), authorityBelow];
    expect(judge.workFor(chain, lenient)).toEqual({ verified: 2, imports: 3 });
    expect(judge.workFor(chain, lenient)).toEqual({ verified: 1, imports: 1 });
  });

  test('that was taken as a leaf is not taken where none is, in either order', () => {
    const judge = new Judge();
    for (const chain of [
      [leaf(old), authorityBelow],
      [leaf(old), authorityBelow],
    ]) {
      const verdicts = [strict, lenient, strict, lenient].map((how) => judge.judge(chain, {}, how));
      expect(verdicts).toEqual(['malformed', 'trusted', 'malformed', 'trusted']);
      chain.reverse();
      expect(judge.judge(chain, {}, lenient)).toBe('malformed');
      expect(judge.judge([chain[1]!, ...chain], {}, lenient)).toBe('malformed');
    }
  });

  test('that was taken as a leaf is nobody’s issuer, though it has the name of a root', () => {
    const judge = new Judge();
    const key = newKey();
    const heir = leaf({ ...heirs, key });
    const below = leaf({ issuer: commonName('Root'), signer: key });
    for (const _ of ['first', 'again']) {
      expect(judge.judge([below, heir], {}, lenient)).toBe('malformed');
      expect(judge.judge([below], {}, lenient)).toBe('bad_signature');
      expect(judge.judge([heir], {}, lenient)).toBe('trusted');
    }
  });

  test('that was an anchor is a leaf only where leaves may be such, and none else’s anchor', () => {
    const judge = new Judge();
    const other = root(newKey());
    const chain = [leaf(), authorityBelow];
    for (const _ of ['first', 'again']) {
      judge.trust(oldRoot);
      expect(judge.judge(chain)).toBe('trusted');
      expect(judge.judge([...chain, oldRoot])).toBe('trusted');
      expect(judge.judge([oldRoot], {}, strict)).toBe('malformed');
      expect(judge.judge([oldRoot], {}, lenient)).toBe('trusted');
      judge.trust(other);
      expect(judge.judge([oldRoot], {}, lenient)).toBe('bad_signature');
      expect(judge.judge([oldRoot], {}, strict)).toBe('malformed');
      expect(judge.judge([...chain, oldRoot], {}, lenient)).toBe('malformed');
      expect(judge.judge(chain, {}, lenient)).toBe('bad_signature');
    }
  });

  test('that is an anchor says as a leaf that it is none', () => {
    const anchors = anchorsOf([oldRoot], nodeCrypto);
    const question = { provider: nodeCrypto, anchors, purpose: 'server', host, now } as const;
    for (const _ of ['first', 'again']) {
      expect(
        verifyChain({ ...question, chain: [leaf(), authorityBelow] }, lenient).path.at(-1),
      ).toMatchObject({
        version: 1,
        basicConstraints: { ca: true },
      });
      expect(verifyChain({ ...question, chain: [oldRoot] }, lenient).path).toMatchObject([
        { version: 1, basicConstraints: undefined },
      ]);
    }
  });
});

/** A certificate with other last bytes of its signature, so that its lookup key is this one. */
function withLookupKey(certificate: Uint8Array, wanted: number): Uint8Array {
  const prime = 0x01000193;
  // Its inverse modulo 2^32.
  const inverse = 0x359c449b;
  const prefix = certificate.slice(0, -4);
  const forward = new Map<number, number>();
  const start = lookupKey(prefix);
  for (let pair = 0; pair < 0x10000; pair++) {
    const first = Math.imul(start ^ (pair >> 8), prime);
    forward.set(Math.imul(first ^ (pair & 0xff), prime), pair);
  }
  for (let pair = 0; pair < 0x10000; pair++) {
    const before = Math.imul(wanted, inverse) ^ (pair & 0xff);
    const found = forward.get(Math.imul(before, inverse) ^ (pair >> 8));
    if (found !== undefined)
      return Uint8Array.of(...prefix, found >> 8, found & 0xff, pair >> 8, pair & 0xff);
  }
  // Two thirds of all prefixes have an end that fits.
  const others = certificate.slice();
  others[others.length - 5]! ^= 1 + (others[others.length - 6]! & 1);
  others[others.length - 6]! += 1;
  return withLookupKey(others, wanted);
}
