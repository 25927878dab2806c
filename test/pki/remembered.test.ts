import { describe, expect, test } from 'vitest';
import { TlsCertificateError } from '../../src/base/errors.ts';
import { maxRememberedBytes, maxRememberedCertificates } from '../../src/base/limits.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { anchorsOf } from '../../src/pki/anchors.ts';
import { type ChainQuestion, verifyChain } from '../../src/pki/verify.ts';
import {
  authority,
  commonName,
  dnsNames,
  newKey,
  type RawCertificate,
  rawCertificate,
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
  judge(chain: readonly Uint8Array[], question: Partial<ChainQuestion> = {}): string {
    try {
      const provider = this.#provider;
      verifyChain({ provider, chain, anchors: this.#anchors, purpose: 'server', host, now, ...question });
      return 'trusted';
    } catch (error) {
      if (!(error instanceof TlsCertificateError)) throw error;
      return error.check;
    }
  }

  /** Signatures that are verified, and keys that are imported, for one more chain that is trusted. */
  workFor(chain: readonly Uint8Array[]): { readonly verified: number; readonly imports: number } {
    const { verified, imports } = this;
    expect(this.judge(chain)).toBe('trusted');
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

  test('is judged anew by date, name, purpose and anchors', () => {
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
    for (const other of others) judge.judge([other, authorityBelow]);
    // The authority was among every one of them.
    expect(judge.workFor([first, authorityBelow])).toEqual({ verified: 1, imports: 1 });
  });

  test('is a certificate of unusual size', () => {
    const judge = new Judge();
    const names = Array.from({ length: maxRememberedBytes / 20 }, (_, i) => `name-${i}.of-many.example.org`);
    const large = leaf({ extensions: [dnsNames(host, ...names)] });
    judge.workFor([large, authorityBelow]);
    expect(judge.workFor([large, authorityBelow])).toEqual({ verified: 1, imports: 1 });
  });
});
