import { createHash, type KeyObject, sign } from 'node:crypto';
import { type SignatureOverride, signatures, type TestCertificate } from './certificates.ts';
import { field } from './crl.ts';
import { ascii, children, der, objectIdentifier, sequence } from './der.ts';

/** What a test response says. What is left out is as a well-made one has it. */
export interface OcspOptions {
  /** Absent: the issuer itself. */
  readonly responder?: TestCertificate;
  readonly responderId?: 'byName' | 'byKey';
  /** What goes along; by default the responder's certificate, where it is not the issuer. */
  readonly certificates?: readonly Uint8Array[];
  readonly status?: Uint8Array;
  readonly thisUpdate?: Date;
  /** `absent` leaves it out. */
  readonly nextUpdate?: Date | 'absent';
  readonly hash?: 'sha1' | 'sha256' | 'sha512';
  /** Statuses ahead of the certificate's own. */
  readonly others?: readonly Uint8Array[];
  /** DER extensions of the status, and of the response. */
  readonly statusExtensions?: readonly Uint8Array[];
  readonly extensions?: readonly Uint8Array[];
  readonly signature?: SignatureOverride;
  /** Signs with this key, whoever is said to sign. */
  readonly signingKey?: KeyObject;
}

const hashes = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha512: '2.16.840.1.101.3.4.2.3',
} as const;

/** CertStatus. */
export const good: Uint8Array = der(0x80);
export const unknown: Uint8Array = der(0x82);
export function revoked(when: Date, reason?: number): Uint8Array {
  const why = reason === undefined ? [] : [der(0xa0, der(0x0a, Uint8Array.of(reason)))];
  return der(0xa1, generalizedTime(when), ...why);
}

/** An OCSPResponse about `certificate`, one of `issuer`'s. */
export function makeOcspResponse(
  certificate: TestCertificate,
  issuer: TestCertificate,
  options: OcspOptions = {},
): Uint8Array {
  const { responder = issuer, responderId = 'byName', signature = signatures.ecdsaWithSha256 } = options;
  const certificates = options.certificates ?? (responder === issuer ? [] : [responder.der]);
  const id =
    responderId === 'byName'
      ? der(0xa1, field(responder, 5))
      : der(0xa2, der(0x04, digest('sha1', keyBits(responder))));
  const signed = sequence(
    id,
    generalizedTime(options.thisUpdate ?? madeAt),
    sequence(...(options.others ?? []), singleStatus(certificate, issuer, options)),
    ...extensionsOf(options.extensions),
  );
  const bits = der(0x03, Uint8Array.of(0), sign(signature.hash, signed, options.signingKey ?? responder.key));
  const basic = sequence(
    signed,
    signature.algorithm,
    bits,
    ...(certificates.length > 0 ? [der(0xa0, sequence(...certificates))] : []),
  );
  return responseOf(basic);
}

/** A successful OCSPResponse around a BasicOCSPResponse. */
export function responseOf(basic: Uint8Array): Uint8Array {
  const bytes = sequence(objectIdentifier('1.3.6.1.5.5.7.48.1.1'), der(0x04, basic));
  return sequence(der(0x0a, Uint8Array.of(0)), der(0xa0, bytes));
}

/** A responder's error in place of an answer: OCSPResponseStatus. */
export function errorResponse(status: number): Uint8Array {
  return sequence(der(0x0a, Uint8Array.of(status)));
}

/** A SingleResponse. */
export function singleStatus(
  certificate: TestCertificate,
  issuer: TestCertificate,
  options: OcspOptions = {},
): Uint8Array {
  const { hash = 'sha1', nextUpdate = new Date('2026-06-08T00:00:00Z') } = options;
  const name = sequence(
    sequence(objectIdentifier(hashes[hash]), der(0x05)),
    der(0x04, digest(hash, field(issuer, 5))),
    der(0x04, digest(hash, keyBits(issuer))),
    field(certificate, 1),
  );
  return sequence(
    name,
    options.status ?? good,
    generalizedTime(options.thisUpdate ?? madeAt),
    ...(nextUpdate === 'absent' ? [] : [der(0xa0, generalizedTime(nextUpdate))]),
    ...extensionsOf(options.statusExtensions),
  );
}

const madeAt = new Date('2026-05-31T00:00:00Z');

export function generalizedTime(time: Date): Uint8Array {
  return der(0x18, ascii(`${time.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`));
}

function extensionsOf(extensions: readonly Uint8Array[] = []): Uint8Array[] {
  return extensions.length === 0 ? [] : [der(0xa1, sequence(...extensions))];
}

function keyBits(certificate: TestCertificate): Uint8Array {
  const bits = children(field(certificate, 6))[1]!;
  // Tag, length of one or more bytes, and the count of unused bits.
  return bits.subarray(bits[1]! < 0x80 ? 3 : 3 + (bits[1]! & 0x7f));
}

function digest(hash: string, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash(hash).update(bytes).digest());
}
