import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toPem } from '../../support/certificates.ts';
import { type Case, now } from './scenario.ts';

export interface OpensslVerdict {
  readonly trusted: boolean;
  /** What it printed. */
  readonly text: string;
}

/** Other versions judge some chains in other ways, and the list of reasons is about this one. */
export const hasOpenssl: boolean = /^OpenSSL 3\.0\./.test(
  spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout ?? '',
);

/**
 * What is closest to what Tacit means:
 * - nobody but the given anchors is trusted, and each of them is, be it a root or not (`-partial_chain`);
 * - level 2 refuses RSA below 2048 bits, SHA-1 and MD5;
 * - every certificate needs a list if there are lists, as under `unknownStatus: 'refuse'`;
 * - no `-x509_strict`: it holds authorities to the profile of RFC 5280 §4.2 beyond what §6 has a verifier check (key
 *   identifiers, critical basicConstraints), which rustls-webpki and Tacit do not.
 */
const options = `-no-CApath -no-CAstore -partial_chain -auth_level 2 -purpose sslserver -attime ${now / 1000}`;

/** Asks `openssl verify` about all of them, from one shell: starting processes is what this costs. */
export function opensslVerdicts(cases: readonly Case[]): readonly OpensslVerdict[] {
  const directory = mkdtempSync(join(tmpdir(), 'tacit-verify-'));
  try {
    const commands = cases.map((one, index) => {
      const file = (kind: string, label: string, list: readonly Uint8Array[]): string => {
        writeFileSync(join(directory, `${index}-${kind}`), list.map((der) => toPem(label, der)).join(''));
        return `${index}-${kind}`;
      };
      const parts = [options, `-CAfile ${file('anchors', 'CERTIFICATE', one.anchors)}`];
      if (one.intermediates.length > 0)
        parts.push(`-untrusted ${file('untrusted', 'CERTIFICATE', one.intermediates)}`);
      if (one.lists !== undefined) {
        parts.push('-crl_check_all');
        if (one.lists.length > 0) parts.push(`-CRLfile ${file('lists', 'X509 CRL', one.lists)}`);
      }
      parts.push(`${isIP(one.host) === 0 ? '-verify_hostname' : '-verify_ip'} '${one.host}'`);
      const leaf = file('leaf', 'CERTIFICATE', [one.leaf]);
      return `openssl verify ${parts.join(' ')} ${leaf} 2>&1; echo "verdict $?"`;
    });
    const { stdout, error } = spawnSync('sh', {
      cwd: directory,
      input: commands.join('\n'),
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
      env: { ...process.env, OPENSSL_CONF: '/dev/null' },
    });
    if (error !== undefined) throw error;
    const verdicts = [...stdout.matchAll(/([\s\S]*?)verdict (\d+)\n/g)].map(([, text = '', status]) => ({
      trusted: status === '0',
      text,
    }));
    if (verdicts.length !== cases.length)
      throw new Error(`openssl answered ${verdicts.length} of ${cases.length}`);
    return verdicts;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
