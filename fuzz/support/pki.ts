import type { KeyObject } from 'node:crypto';
import { sign } from 'node:crypto';
import { alertFor, TlsCertificateError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { anchorsOf } from '../../src/pki/anchors.ts';
import type { RevocationSettings } from '../../src/pki/revocation.ts';
import { verifyChain } from '../../src/pki/verify.ts';
import { children, der, sequence } from '../../test/support/der.ts';
import { demand } from '../engine/target.ts';
import { ed25519, host, intermediate, leaf, now, root } from './authorities.ts';
import { readTree, whyNotCanonical } from './der-tree.ts';

/**
 * Parses, and holds a refusal to its form: a malformed value at a place that exists, named without its content.
 * @returns undefined where it was refused
 */
export function parsed<Value>(
  der: Uint8Array,
  parse: (der: Uint8Array) => Value,
): { readonly value: Value } | undefined {
  try {
    const value = parse(der);
    const why = whyNotCanonical(der);
    demand(why === undefined, `taken although ${why}`);
    return { value };
  } catch (error) {
    demandRefusal(error);
    demand(error.check === 'malformed', 'refused for another reason than its form', error);
    const place = Number(/ is not valid DER: .* at byte (\d+)$/s.exec(error.message)?.[1]);
    demand(place >= 0 && place <= der.length, 'the error names no place', error);
    return undefined;
  }
}

/** A refusal is a TlsCertificateError with an alert, in one line that a terminal can show. */
export function demandRefusal(error: unknown): asserts error is TlsCertificateError {
  if (error instanceof Error && error.name === 'Finding') throw error;
  demand(error instanceof TlsCertificateError, 'it throws something else than a TlsCertificateError', error);
  demand(alertFor(error) !== undefined, 'the error has no alert', error);
  demandPlain(error.message);
}

const anchors = anchorsOf([root.der], nodeCrypto);

/** Whether the leaf below our root is trusted, with what is known of revoked certificates. */
export function isLeafTrusted(
  revocation: RevocationSettings,
  ocspResponses: readonly Uint8Array[] = [],
): boolean {
  try {
    verifyChain({
      provider: nodeCrypto,
      chain: [leaf.der, intermediate.der],
      anchors,
      purpose: 'server',
      host,
      now,
      revocation,
      ocspResponses,
    });
    return true;
  } catch (error) {
    demandRefusal(error);
    return false;
  }
}

/** Text from a stranger that goes to a terminal. */
export function demandPlain(text: string): void {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e);
    demand(!isControl, `a text has the control character ${code.toString(16)}`);
  }
}

/** The first of three values of what is signed, where these are those of something that is signed. */
export function signedPart(bytes: Uint8Array): Uint8Array | undefined {
  const tree = readTree(bytes, false);
  return tree?.children && tree.children.length >= 3 ? children(bytes)[0] : undefined;
}

/** Signs again what was changed: something, its algorithm and its signature, and what stands behind them. */
export function signedAgain(bytes: Uint8Array, key: KeyObject): Uint8Array {
  const signed = signedPart(bytes);
  if (!signed) return bytes;
  const [, , , ...rest] = children(bytes);
  return sequence(signed, ed25519.algorithm, der(0x03, Uint8Array.of(0), sign(null, signed, key)), ...rest);
}

/** Counts the signatures that are verified. */
export class CountingProvider {
  count = 0;
  readonly provider: CryptoProvider = {
    ...nodeCrypto,
    importPublicKey: (publicKey) => {
      const key = nodeCrypto.importPublicKey(publicKey);
      return (
        key && {
          ...key,
          verifySigned: (algorithm, content, signature) => {
            this.count += 1;
            return key.verifySigned(algorithm, content, signature);
          },
        }
      );
    },
  };
}
