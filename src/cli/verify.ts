import { type CertificateSummary, type Verification, verifyCertificates } from '../index.ts';
import {
  parseArguments,
  readAuthorities,
  readBytes,
  readTextFile,
  requirePositionals,
  UsageError,
} from './arguments.ts';
import type { Command } from './command.ts';

const help = `tacit verify: say whether a certificate chain is trusted, and why

Usage: tacit verify FILE --host NAME [--ca FILE] [--purpose server|client]
                    [--at DATE] [--crl FILE] [--ocsp FILE] [--json]

FILE holds the chain as PEM, the leaf first, the others in any order; or one
certificate as DER. Prints the path that was found, from the trust anchor down
to the leaf, or each path that was tried and why it leads nowhere.

Options:
  --host NAME        the DNS name or IP address that the leaf must be valid for;
                     needed for a server
  --ca FILE          trust the certificates in FILE (PEM) and no others; or
                     'system', those of the operating system, or 'bundled',
                     those that Node carries and the default for a server
                     (a file of that name is ./system)
  --purpose PURPOSE  what the leaf must be good for: server (default) or client
  --at DATE          judge as of that time, such as 2026-12-31 or
                     2026-12-31T23:59:59Z; without it, now
  --crl FILE         revocation lists (PEM): every certificate of the path but
                     the anchor has to be on its issuer's, and not revoked
  --ocsp FILE        the OCSP response (DER) that came with the leaf
  --json             print one JSON object

Exit status: 0 trusted, 1 not trusted, 2 a mistake in the arguments.
`;

const options = {
  host: { type: 'string' },
  ca: { type: 'string' },
  purpose: { type: 'string' },
  at: { type: 'string' },
  crl: { type: 'string' },
  ocsp: { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** `tacit verify`: judges a certificate chain in a file. */
export const verify: Command = {
  summary: 'say whether a certificate chain is trusted, and why',
  help,
  async run(args): Promise<number> {
    const { values, positionals } = parseArguments(args, options);
    requirePositionals(positionals, ['FILE']);
    const chain = readBytes(positionals[0] ?? '', 'FILE');
    const purpose = purposeOf(values.purpose ?? 'server');
    if (purpose === 'server' && values.host === undefined)
      throw new UsageError('--host is missing: a server is verified for a name');
    if (purpose === 'client' && values.ca === undefined)
      throw new UsageError('--ca is missing: name the authorities of your clients');
    const verification = verifyCertificates(chain, {
      host: values.host,
      purpose,
      ca: values.ca === undefined ? undefined : readAuthorities(values.ca),
      now: values.at === undefined ? undefined : timeOf(values.at),
      revocation: values.crl === undefined ? undefined : { crls: readTextFile(values.crl, '--crl') },
      ocspResponse: values.ocsp === undefined ? undefined : readBytes(values.ocsp, '--ocsp'),
    });
    process.stdout.write(values.json ? `${JSON.stringify(plain(verification))}\n` : text(verification));
    return verification.trusted ? 0 : 1;
  },
};

function purposeOf(text: string): 'server' | 'client' {
  if (text === 'server' || text === 'client') return text;
  throw new UsageError(`--purpose takes server or client, not '${text}'`);
}

function timeOf(text: string): number {
  const time = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new UsageError(`--at takes a date such as 2026-12-31 or 2026-12-31T23:59:59Z, not '${text}'`);
  return time;
}

function text(verification: Verification): string {
  if (verification.trusted)
    return `trusted until ${date(verification.validUntil)}\n${tree(verification.path.toReversed())}`;
  const { error, attempts } = verification;
  const tried = attempts.map(
    ({ path, error: why }) => `\n${path.map(({ subject }) => subject).join(' <- ')}\n  ${why.message}\n`,
  );
  return `not trusted (${error.check}): ${error.message}\n${tried.length > 0 ? `\npaths that were tried, from the leaf up:\n${tried.join('')}` : ''}`;
}

/** From the anchor down. */
function tree(path: readonly CertificateSummary[]): string {
  return path
    .map(({ subject, notAfter }, depth) => {
      const branch = depth === 0 ? '' : `${'   '.repeat(depth - 1)}└─ `;
      const anchor = depth === 0 ? ' (trusted)' : '';
      return `${branch}${subject}${anchor}, valid until ${date(notAfter)}\n`;
    })
    .join('');
}

function date(time: number): string {
  return new Date(time).toISOString().replace('.000Z', 'Z');
}

function plain(verification: Verification): object {
  const certificate = ({ subject, issuer, notBefore, notAfter }: CertificateSummary): object => ({
    subject,
    issuer,
    notBefore: date(notBefore),
    notAfter: date(notAfter),
  });
  if (verification.trusted) {
    const { path, validUntil } = verification;
    return { trusted: true, validUntil: date(validUntil), path: path.map(certificate) };
  }
  const { error, attempts } = verification;
  return {
    trusted: false,
    check: error.check,
    certificate: error.certificate ?? null,
    message: error.message,
    attempts: attempts.map(({ path, error: why }) => ({
      path: path.map(certificate),
      check: why.check,
      message: why.message,
    })),
  };
}
