import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { trustAnchors } from '../net/anchors.ts';
import { certificatesWithin } from '../net/pem.ts';
import { readSystemStore } from '../net/system-store.ts';
import { canBeAnchor } from './anchors.ts';
import { isSaid, startEnvironment } from './command-line.ts';
import { nodeError } from './errors.ts';
import { pemText } from './pem-text.ts';
import { provider } from './secure-context.ts';
import { invalidType, invalidValue } from './validation.ts';
import { x509Of } from './x509.ts';

type Kind = 'default' | 'system' | 'bundled' | 'extra';

/** What `setDefaultCACertificates` has put in the place of all others, DER. */
let chosen: readonly Uint8Array[] | undefined;

/** Mozilla's set in Node, what NODE_EXTRA_CA_CERTS adds to it, and the system's where Node is told to use it. */
export function defaultAuthorities(purpose: 'server' | 'client'): readonly (string | Uint8Array)[] {
  if (chosen !== undefined) return chosen;
  return defaultSets().flatMap((set): readonly (string | Uint8Array)[] => {
    if (set === 'extra') return extraAuthorities();
    // Node lets the public authorities vouch for clients too; whoever wants less gives `ca`.
    return set === 'bundled' && purpose === 'client' ? rootCertificates : [set];
  });
}

/** What the default is made of, as long as no other was set. */
function defaultSets(): readonly Exclude<Kind, 'default'>[] {
  const isReplaced = isSaid('--use-openssl-ca') === true;
  const usesSystem = isReplaced || (isSaid('--use-system-ca') ?? systemVariable === '1');
  return [
    ...(isReplaced ? [] : (['bundled'] as const)),
    'extra',
    ...(usesSystem ? (['system'] as const) : []),
  ];
}

/**
 * As `tls.getCACertificates`, on every Node: PEM.
 * @throws TypeError with Node's codes for another kind
 */
export function getCACertificates(kind: Kind = 'default'): string[] {
  if (typeof kind !== 'string') throw invalidType('type', 'of type string', kind);
  if (kind === 'bundled') return [...rootCertificates];
  if (kind === 'extra') return extraAuthorities().map(pemOf);
  if (kind === 'system') return readSystemStore().certificates.map(pemOf);
  if (kind !== 'default') throw invalidValue('type', 'is invalid', kind);
  if (chosen !== undefined) return chosen.map(pemOf);
  return [...new Set(defaultSets().flatMap((set) => getCACertificates(set)))];
}

/**
 * As `tls.setDefaultCACertificates`, on every Node: what connections without a `ca` trust from now on, and nobody else.
 * @param certificates PEM, as text or bytes
 * @throws Error with Node's codes, or TlsUsageError for one that can be no anchor, and then nothing has changed
 */
export function setDefaultCACertificates(certificates: readonly (string | NodeJS.ArrayBufferView)[]): void {
  if (!Array.isArray(certificates)) throw invalidType('certs', 'an instance of Array', certificates);
  const found = certificates.flatMap((one: unknown, index) => {
    if (typeof one !== 'string' && !ArrayBuffer.isView(one))
      throw invalidType(`certs[${index}]`, 'of type string or an instance of ArrayBufferView', one);
    return certificatesWithin(pemText(one));
  });
  if (certificates.length > 0 && found.length === 0)
    throw nodeError('ERR_CRYPTO_OPERATION_FAILED', 'No valid certificates found in the provided array');
  if (found.length > 0) trustAnchors(found, 'server', provider);
  chosen = found;
}

/** Stands for the default that there is now: what was made of an older one is not good any more. */
export function currentDefault(): unknown {
  return chosen;
}

const systemVariable = startEnvironment('NODE_USE_SYSTEM_CA');
const extraPath = startEnvironment('NODE_EXTRA_CA_CERTS');
let extra: readonly Uint8Array[] | undefined;

function extraAuthorities(): readonly Uint8Array[] {
  const path = extraPath;
  if (path === undefined || path === '') return [];
  try {
    extra ??= certificatesWithin(readFileSync(path, 'latin1')).filter((der) => canBeAnchor(der, path));
  } catch (cause) {
    extra = [];
    const reason = cause instanceof Error ? cause.message : String(cause);
    process.emitWarning(`Ignoring extra certs from \`${path}\`: ${reason}`);
  }
  return extra;
}

function pemOf(der: Uint8Array): string {
  return x509Of(der).toString();
}
