import { type CertificateCheck, TlsCertificateError } from '../base/errors.ts';
import { type Certificate, nameOf, placeOf } from './certificate.ts';
import type { Revocation, RevocationList } from './crl.ts';
import { keyUsages } from './extensions.ts';
import { keyOf } from './path.ts';
import { type StatusQuestion, stapledStatus } from './stapled.ts';

/** How revocation is looked at. */
export interface RevocationSettings {
  readonly lists: readonly RevocationList[];
  /** What OCSP responses that come with certificates are worth: `require` wants one for the leaf. */
  readonly stapledResponses: 'check' | 'require' | 'ignore';
  /** What becomes of a certificate that no list is about, and no response. */
  readonly unknownStatus: 'allow' | 'refuse';
}

/** Nobody has lists; what a peer says of itself unasked is looked at. */
export const defaultRevocation: RevocationSettings = {
  lists: [],
  stapledResponses: 'check',
  unknownStatus: 'allow',
};

/** What a path is asked about. */
export interface RevocationQuestion extends StatusQuestion {
  readonly purpose: 'server' | 'client';
  /** The DER OCSP responses that came with certificates. */
  readonly responses: ReadonlyMap<Certificate, Uint8Array>;
}

/** status_request, in the list of what a certificate promises (RFC 7633). */
const mustStaple = 5;

/**
 * Asks for every certificate of a path whether it is revoked, the anchor aside, which nobody could revoke: the response
 * that came with it (RFC 6960 §3.2), and the lists (RFC 5280 §6.3).
 *
 * @param path leaf first, anchor last
 * @returns until when what was found holds, in milliseconds since 1970
 * @throws TlsCertificateError (`revoked`, `revocation_unknown`, `bad_ocsp_response`, `missing_ocsp_response`)
 */
export function checkRevocation(
  path: readonly Certificate[],
  settings: RevocationSettings,
  question: RevocationQuestion,
): number {
  const responses = settings.stapledResponses === 'ignore' ? none : question.responses;
  const subjects = path.slice(0, -1);
  checkPromises(subjects, settings, responses, question.purpose);
  return subjects.reduce((validUntil, certificate, position) => {
    const link = { certificate, position, issuer: path[position + 1]! };
    const response = responses.get(certificate);
    const times = [
      validUntil,
      ...(response === undefined ? [] : [good(link, stapled(response, link, settings, question))]),
      ...listed(link, settings, question),
    ];
    if (times.length === 1 && settings.unknownStatus === 'refuse') {
      const known = `None of the revocation lists is about ${quoted(certificate)}, and no OCSP response came with it.`;
      fail(link, 'revocation_unknown', `${known} Give its issuer's list, or allow what is unknown.`);
    }
    return Math.min(...times);
  }, Number.POSITIVE_INFINITY);
}

const none: RevocationQuestion['responses'] = new Map();

/** A certificate and who issued it, somewhere in a path. */
interface Link {
  readonly certificate: Certificate;
  readonly position: number;
  readonly issuer: Certificate;
}

function fail(
  { certificate, position }: Omit<Link, 'issuer'>,
  check: CertificateCheck,
  message: string,
): never {
  throw new TlsCertificateError(check, message, placeOf(certificate, position));
}

function quoted(certificate: Certificate): string {
  return `the certificate "${nameOf(certificate, 'subject')}"`;
}

/** Whoever has the key of a stolen certificate leaves its response out: some must not be without (RFC 7633 §4.2). */
function checkPromises(
  subjects: readonly Certificate[],
  { stapledResponses }: RevocationSettings,
  responses: RevocationQuestion['responses'],
  purpose: 'server' | 'client',
): void {
  const [leaf] = subjects;
  if (leaf === undefined || stapledResponses === 'ignore' || responses.has(leaf)) return;
  const place = { certificate: leaf, position: 0 };
  if (stapledResponses === 'require') {
    fail(
      place,
      'missing_ocsp_response',
      `No OCSP response came with ${quoted(leaf)}, and one is required here.`,
    );
  }
  // What an authority promises it promises for all that it issues (RFC 7633 §4.2.2).
  const promising = subjects.find(({ tlsFeatures }) => tlsFeatures?.includes(mustStaple));
  if (purpose === 'server' && promising !== undefined) {
    fail(
      place,
      'missing_ocsp_response',
      `No OCSP response came with ${quoted(leaf)}, although ${quoted(promising)} promises one ("must-staple"). The server has to be given one.`,
    );
  }
}

function stapled(
  response: Uint8Array,
  link: Link,
  settings: RevocationSettings,
  question: RevocationQuestion,
): number | Revocation {
  const { issuer, position } = link;
  return stapledStatus(response, link, question, (certificate) => {
    const delegate = { certificate, position, issuer };
    return about(delegate, settings, question).some(
      (list) => list.revocationOf(certificate.serialNumber) !== undefined,
    );
  });
}

/** @throws TlsCertificateError (`revoked`) where it is */
function good(link: Link, status: number | Revocation): number {
  if (typeof status === 'number') return status;
  const date = new Date(status.date).toISOString();
  const message = `The certificate "${nameOf(link.certificate, 'subject')}" was revoked by its issuer on ${date} (${status.reason}). The peer needs another one.`;
  return fail(link, 'revoked', message);
}

/** Until when the lists say that it is good; empty where none is about it. */
function listed(link: Link, settings: RevocationSettings, question: RevocationQuestion): readonly number[] {
  const lists = about(link, settings, question);
  for (const list of lists) {
    const revocation = list.revocationOf(link.certificate.serialNumber);
    // A list that is out of date still says whom it has revoked; and only a delta takes anybody off again.
    if (revocation !== undefined) good(link, revocation);
  }
  if (lists.length === 0) return [];
  const { now } = question;
  const fresh = lists.filter(({ thisUpdate, nextUpdate }) => thisUpdate <= now && now < nextUpdate);
  if (fresh.length === 0) {
    // Who has lists means to know: an old one is no answer.
    const newest = new Date(Math.max(...lists.map(({ nextUpdate }) => nextUpdate))).toISOString();
    fail(
      link,
      'revocation_unknown',
      `The revocation list for ${quoted(link.certificate)} is not of this time: it was to be renewed by ${newest}. Fetch a new one.`,
    );
  }
  return [Math.max(...fresh.map(({ nextUpdate }) => nextUpdate))];
}

/** The lists about it that its issuer has signed, and may sign (RFC 5280 §6.3.3 (f) and (g)). */
function about(
  { certificate, position, issuer }: Link,
  { lists }: RevocationSettings,
  { provider, spend }: StatusQuestion,
): readonly RevocationList[] {
  const { keyUsage } = issuer;
  if (keyUsage !== undefined && (keyUsage & keyUsages.cRLSign) === 0) return [];
  return lists.filter(
    (list) =>
      list.covers(certificate) && list.isSignedBy(issuer, keyOf(issuer, position + 1, provider), spend),
  );
}
