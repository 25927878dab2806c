import { equalBytes } from '../base/bytes.ts';
import type { CryptoProvider, PublicKey } from '../crypto/provider.ts';
import { sha256 } from '../crypto/sha256.ts';
import type { Certificate } from './certificate.ts';
import { constructed, DerReader, implicit, tags } from './der.ts';
import { extensionValues, fullNames, generalNames, parseDistributionPoints } from './extensions.ts';
import { relativeNames } from './general-names.ts';
import { signatureAlgorithm } from './signature-algorithms.ts';
import { algorithmIdentifier } from './unread.ts';
import {
  booleanOf,
  checkInteger,
  generalizedTime,
  integer,
  latin1,
  smallInteger,
  time,
  wholeBytes,
} from './values.ts';

/** Why a certificate was revoked (RFC 5280 §5.3.1). */
const revocationReasons: readonly (string | undefined)[] = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  undefined,
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
];

/** That a certificate is revoked. */
export interface Revocation {
  /** Milliseconds since 1970. */
  readonly date: number;
  readonly reason: string;
}

/**
 * A certificate revocation list of version 2 (RFC 5280 §5), complete and about certificates of its own issuer. Whether
 * its issuer has signed it is not known before `isSignedBy`.
 */
export class RevocationList {
  /** DER Name. */
  readonly issuer: Uint8Array;
  /** Milliseconds since 1970. */
  readonly thisUpdate: number;
  /** Milliseconds since 1970. */
  readonly nextUpdate: number;
  readonly #signed: Uint8Array;
  readonly #algorithm: Uint8Array;
  readonly #signature: Uint8Array;
  readonly #scope: Scope;
  /** By serial number. */
  readonly #revoked: ReadonlyMap<string, Revocation>;
  /** The key that it is signed with, and the last one that it is not signed with: a list is asked about again and again. */
  #signer: Uint8Array | undefined;
  #stranger: Uint8Array | undefined;

  /**
   * Parses all of it, or nothing.
   * @param der exactly one list; kept, so that it must not change
   * @throws TlsCertificateError (`malformed`) that names the byte; also for an indirect list, a delta, and one for some
   *   reasons only: they say too little
   */
  constructor(der: Uint8Array) {
    const whole = new DerReader(der, 'a CRL');
    const outer = whole.enter(tags.sequence);
    whole.end('a CRL');
    const signed = outer.next(tags.sequence);
    const algorithmPosition = outer.position;
    this.#algorithm = algorithmIdentifier(outer);
    this.#signature = wholeBytes(outer);
    outer.end('a CRL');
    this.#signed = signed.bytes;

    const fields = outer.inside(signed);
    const { position } = fields;
    if (!fields.nextIs(tags.integer) || smallInteger(fields) !== 1)
      throw fields.errorAt('a CRL of another version than 2', position);
    if (!equalBytes(algorithmIdentifier(fields), this.#algorithm))
      throw fields.errorAt('another signature algorithm outside than inside', algorithmPosition);
    const issuer = fields.next(tags.sequence);
    relativeNames(fields.inside(issuer));
    this.issuer = issuer.bytes;
    this.thisUpdate = time(fields);
    if (!fields.nextIs(tags.utcTime) && !fields.nextIs(tags.generalizedTime))
      throw fields.error('a CRL without nextUpdate');
    this.nextUpdate = time(fields);
    this.#revoked = fields.nextIs(tags.sequence) ? parseEntries(fields.enter(tags.sequence)) : new Map();
    if (!fields.nextIs(constructed(0))) throw fields.error('a CRL without extensions');
    const extensions = fields.enter(constructed(0));
    fields.end('the signed part of a CRL');
    this.#scope = parseScope(extensions.enter(tags.sequence));
    extensions.end('the extensions');
  }

  /** Whether it says something about this certificate: of its issuer, and within its scope (RFC 5280 §6.3.3 (b)). */
  covers(certificate: Certificate): boolean {
    const { distributionPoint, onlyUsers, onlyAuthorities } = this.#scope;
    if (!equalBytes(this.issuer, certificate.issuer)) return false;
    const isAuthority = certificate.basicConstraints?.ca === true;
    if (isAuthority ? onlyUsers : onlyAuthorities) return false;
    const points = certificate.crlDistributionPoints ?? [];
    return (
      distributionPoint === undefined ||
      points.some((name) => distributionPoint.some((own) => equalBytes(own, name)))
    );
  }

  isSignedBy(issuer: Certificate, key: PublicKey): boolean {
    const { subjectPublicKeyInfo } = issuer;
    const isSame = (known: Uint8Array | undefined): boolean =>
      known !== undefined && equalBytes(known, subjectPublicKeyInfo);
    if (isSame(this.#signer)) return true;
    if (isSame(this.#stranger)) return false;
    const algorithm = signatureAlgorithm(this.#algorithm);
    const isGood = algorithm !== undefined && key.verifySigned(algorithm, this.#signed, this.#signature);
    if (isGood) this.#signer = subjectPublicKeyInfo;
    else this.#stranger = subjectPublicKeyInfo;
    return isGood;
  }

  /** @param serialNumber contents of the INTEGER */
  revocationOf(serialNumber: Uint8Array): Revocation | undefined {
    return this.#revoked.get(latin1(serialNumber));
  }

  /** SHA-256 of what is signed. */
  fingerprint(provider: CryptoProvider): Uint8Array {
    return sha256(provider, this.#signed);
  }
}

/** About which of its issuer's certificates a list is. */
interface Scope {
  /** DER GeneralNames, of which a certificate must have one among its distribution points. */
  readonly distributionPoint: readonly Uint8Array[] | undefined;
  readonly onlyUsers: boolean;
  readonly onlyAuthorities: boolean;
}

const oids = {
  issuerAltName: '2.5.29.18',
  crlNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  invalidityDate: '2.5.29.24',
  deltaCRLIndicator: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  certificateIssuer: '2.5.29.29',
  authorityKeyIdentifier: '2.5.29.35',
  freshestCRL: '2.5.29.46',
} as const;

const understood: ReadonlySet<string> = new Set([
  oids.issuerAltName,
  oids.crlNumber,
  oids.issuingDistributionPoint,
  oids.authorityKeyIdentifier,
  oids.freshestCRL,
]);

const understoodInEntries: ReadonlySet<string> = new Set([oids.reasonCode, oids.invalidityDate]);

function parseEntries(list: DerReader): ReadonlyMap<string, Revocation> {
  const revoked = new Map<string, Revocation>();
  if (list.atEnd) throw list.error('an empty list of revoked certificates');
  while (!list.atEnd) {
    const entry = list.enter(tags.sequence);
    const serialNumber = latin1(integer(entry));
    const date = time(entry);
    const reason = entry.atEnd ? 'unspecified' : parseReason(entry.enter(tags.sequence));
    entry.end('a revoked certificate');
    revoked.set(serialNumber, { date, reason });
  }
  return revoked;
}

function parseReason(extensions: DerReader): string {
  const { position } = extensions;
  const { values, unknownCritical } = extensionValues(extensions, understoodInEntries);
  if (values.has(oids.certificateIssuer))
    throw extensions.errorAt('an indirect CRL, which Tacit does not take', position);
  if (unknownCritical.length > 0)
    throw extensions.errorAt(
      `critical extensions that Tacit does not know: ${unknownCritical.slice(0, 5)}`,
      position,
    );
  const invalidity = values.get(oids.invalidityDate);
  if (invalidity !== undefined) {
    // RFC 5280 §5.3.2 allows no UTCTime.
    generalizedTime(invalidity);
    invalidity.end('invalidityDate');
  }
  const value = values.get(oids.reasonCode);
  if (value === undefined) return 'unspecified';
  const reason = revocationReason(value);
  value.end('a reason');
  return reason;
}

/** A CRLReason (RFC 5280 §5.3.1). */
export function revocationReason(reader: DerReader): string {
  const { content, offset } = reader.next(tags.enumerated);
  const reason = content.length === 1 ? revocationReasons[content[0] ?? 7] : undefined;
  if (reason === undefined) throw reader.errorAt('a reason that does not exist', offset);
  return reason;
}

function parseScope(extensions: DerReader): Scope {
  const { position } = extensions;
  const fail = (found: string): Error => extensions.errorAt(found, position);
  const { values, unknownCritical } = extensionValues(extensions, understood);
  if (values.has(oids.deltaCRLIndicator)) throw fail('a delta CRL, which Tacit does not take');
  if (unknownCritical.length > 0)
    throw fail(`critical extensions that Tacit does not know: ${unknownCritical.slice(0, 5)}`);
  // RFC 5280 §5.2.3: conforming lists have it.
  const number = values.get(oids.crlNumber);
  if (number === undefined) throw fail('a CRL without cRLNumber');
  integer(number);
  number.end('cRLNumber');
  const unread: [string, (value: DerReader) => void][] = [
    [oids.issuerAltName, (value) => void generalNames(value.enter(tags.sequence))],
    [oids.authorityKeyIdentifier, checkAuthorityKey],
    [oids.freshestCRL, (value) => void parseDistributionPoints(value)],
  ];
  for (const [oid, check] of unread) {
    const value = values.get(oid);
    if (value === undefined) continue;
    check(value);
    value.end(`extension ${oid}`);
  }
  const value = values.get(oids.issuingDistributionPoint);
  if (value === undefined) return { distributionPoint: undefined, onlyUsers: false, onlyAuthorities: false };
  const scope = parseDistributionPoint(value.enter(tags.sequence));
  value.end('issuingDistributionPoint');
  return scope;
}

/** RFC 5280 §5.2.1. */
function checkAuthorityKey(value: DerReader): void {
  const fields = value.enter(tags.sequence);
  fields.optional(implicit(0));
  if (fields.nextIs(constructed(1))) generalNames(fields.enter(constructed(1)));
  const serialNumber = fields.optional(implicit(2));
  if (serialNumber !== undefined) checkInteger(fields, serialNumber);
  fields.end('authorityKeyIdentifier');
}

/** RFC 5280 §5.2.5. */
function parseDistributionPoint(fields: DerReader): Scope {
  const flag = (number: number): boolean => {
    const element = fields.optional(implicit(number));
    return element !== undefined && booleanOf(fields, element);
  };
  const distributionPoint = fields.nextIs(constructed(0)) ? fullNames(fields) : undefined;
  const onlyUsers = flag(1);
  const onlyAuthorities = flag(2);
  if (fields.optional(implicit(3)) !== undefined)
    throw fields.error('a CRL for some reasons only, which Tacit does not take');
  if (flag(4)) throw fields.error('an indirect CRL, which Tacit does not take');
  if (flag(5)) throw fields.error('a CRL of attribute certificates');
  fields.end('issuingDistributionPoint');
  return { distributionPoint, onlyUsers, onlyAuthorities };
}
