import { TlsCertificateError, TlsUsageError } from '../base/errors.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { sha256 } from '../crypto/sha256.ts';
import { type Certificate, nameOf, placeOf } from '../pki/certificate.ts';

/** Pins in base64, as they are compared. @throws TlsUsageError naming the pin */
export function pinSet(pins: readonly (string | Uint8Array)[]): ReadonlySet<string> {
  if (!Array.isArray(pins) || pins.length === 0)
    throw new TlsUsageError('pins: expected an array of at least one SHA-256 of a public key');
  return new Set(pins.map((pin, index) => pinOf(pin, `pins[${index}]`)));
}

function pinOf(pin: unknown, what: string): string {
  const fail = (found: string): never => {
    throw new TlsUsageError(
      `${what}: expected the SHA-256 of a SubjectPublicKeyInfo, 32 bytes or their base64, perhaps behind "sha256/" or "sha256//", got ${found}`,
    );
  };
  if (pin instanceof Uint8Array)
    return pin.length === 32 ? Buffer.from(pin).toString('base64') : fail(`${pin.length} bytes`);
  if (typeof pin !== 'string') return fail(typeof pin);
  // A slash may be the first character of the base64 itself.
  const text = pin.replace(/^sha256\/\/?(?=.{44}$)/, '');
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === 32 && bytes.toString('base64') === text ? text : fail(`"${pin.slice(0, 80)}"`);
}

/**
 * One key of the path has to be pinned, whoever's: the leaf's own, an intermediate's or the anchor's (as in RFC 7469 §2.6).
 * @throws TlsCertificateError (`pin_mismatch`)
 */
export function checkPins(
  path: readonly Certificate[],
  pins: ReadonlySet<string>,
  provider: CryptoProvider,
): void {
  const found = path.map(({ subjectPublicKeyInfo }) =>
    Buffer.from(sha256(provider, subjectPublicKeyInfo)).toString('base64'),
  );
  if (found.some((pin) => pins.has(pin))) return;
  const leaf = path[0]!;
  throw new TlsCertificateError(
    'pin_mismatch',
    `No key of the chain of "${nameOf(leaf, 'subject')}" is pinned: it has ${found.map((pin) => `sha256/${pin}`).join(', ')}. Somebody else has been certified for that name, or the pins are out of date.`,
    placeOf(leaf, 0),
  );
}
