import { type CertificateCheck, TlsCertificateError } from '../base/errors.ts';
import { type Certificate, nameOf, placeOf } from './certificate.ts';
import type { Revocation, RevocationList } from './crl.ts';
import { keyUsages } from './extensions.ts';
import { keyOf } from './keys.ts';
import { askedOnce, type KnownOfPairs } from './pairs.ts';
import {
  type Link,
  type StapledResponse,
  type StapledStatus,
  type StatusQuestion,
  stapledStatus,
} from './stapled.ts';
import { orError } from './values.ts';

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
  /** The OCSP responses that came with certificates. */
  readonly responses: ReadonlyMap<Certificate, StapledResponse>;
  /** What they said of a certificate by its issuer: searched paths share their links. */
  readonly answers: KnownOfPairs<StapledStatus | TlsCertificateError>;
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
  const links = path.slice(0, -1).map((certificate, position) => {
    const link = { certificate, position, issuer: path[position + 1]! };
    return { link, answer: answerAbout(link, settings, question) };
  });
  const [leaf] = links;
  if (leaf !== undefined && leaf.answer?.status !== 'good') {
    const promising = links.find(({ link }) => link.certificate.tlsFeatures?.includes(mustStaple));
    checkPromises(leaf, promising?.link.certificate, settings, question.purpose);
  }
  return links.reduce((validUntil, { link, answer }) => {
    const times = [...(answer?.status === 'good' ? [answer.until] : []), ...listed(link, settings, question)];
    if (times.length === 0 && settings.unknownStatus === 'refuse') {
      const none =
        answer?.status === 'none'
          ? `the OCSP response that came with it ${answer.why}`
          : 'no OCSP response came with it';
      fail(
        link,
        'revocation_unknown',
        `None of the revocation lists is about ${quoted(link.certificate)}, and ${none}. Give its issuer's list, or allow what is unknown.`,
      );
    }
    return Math.min(validUntil, ...times);
  }, Number.POSITIVE_INFINITY);
}

/** @throws TlsCertificateError (`revoked`) where it says so */
function answerAbout(
  link: Link,
  settings: RevocationSettings,
  question: RevocationQuestion,
): StapledStatus | undefined {
  const { certificate, issuer } = link;
  const response = question.responses.get(certificate);
  if (response === undefined || settings.stapledResponses === 'ignore') return undefined;
  const answer = askedOnce(question.answers, certificate, issuer, () =>
    orError(() =>
      stapledStatus(response, link, question, (delegate) =>
        about({ ...link, certificate: delegate }, settings, question).some(
          (list) => list.revocationOf(delegate.serialNumber) !== undefined,
        ),
      ),
    ),
  );
  if (answer instanceof TlsCertificateError) throw answer;
  if (answer.status === 'revoked') failRevoked(link, answer.revocation);
  return answer;
}

function fail({ certificate, position }: Link, check: CertificateCheck, message: string): never {
  throw new TlsCertificateError(check, message, placeOf(certificate, position));
}

function quoted(certificate: Certificate): string {
  return `the certificate "${nameOf(certificate, 'subject')}"`;
}

/**
 * Whoever has the key of a stolen certificate leaves its response out: some must not be without (RFC 7633 §4.2).
 * @param promising who said so: what an authority promises it promises for all that it issues (RFC 7633 §4.2.2)
 */
function checkPromises(
  { link, answer }: { readonly link: Link; readonly answer: StapledStatus | undefined },
  promising: Certificate | undefined,
  { stapledResponses }: RevocationSettings,
  purpose: 'server' | 'client',
): void {
  const isPromised = promising !== undefined && purpose === 'server' && stapledResponses === 'check';
  if (stapledResponses !== 'require' && !isPromised) return;
  const leaf = quoted(link.certificate);
  const why = isPromised
    ? `${quoted(promising)} promises one ("must-staple"). The server has to be given one.`
    : 'one is required here.';
  if (answer?.status === 'none') {
    fail(link, 'bad_ocsp_response', `The OCSP response that came with ${leaf} ${answer.why}, and ${why}`);
  }
  fail(link, 'missing_ocsp_response', `No OCSP response came with ${leaf}, and ${why}`);
}

function failRevoked(link: Link, { date, reason }: Revocation): never {
  const when = new Date(date).toISOString();
  const message = `The certificate "${nameOf(link.certificate, 'subject')}" was revoked by its issuer on ${when} (${reason}). The peer needs another one.`;
  return fail(link, 'revoked', message);
}

/** Until when the lists say that it is good; empty where none is about it. */
function listed(link: Link, settings: RevocationSettings, question: RevocationQuestion): readonly number[] {
  const lists = about(link, settings, question);
  for (const list of lists) {
    const revocation = list.revocationOf(link.certificate.serialNumber);
    // A list that is out of date still says whom it has revoked; and only a delta takes anybody off again.
    if (revocation !== undefined) failRevoked(link, revocation);
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
  { provider }: StatusQuestion,
): readonly RevocationList[] {
  const { keyUsage } = issuer;
  if (keyUsage !== undefined && (keyUsage & keyUsages.cRLSign) === 0) return [];
  return lists.filter(
    (list) => list.covers(certificate) && list.isSignedBy(issuer, keyOf(issuer, position + 1, provider)),
  );
}
