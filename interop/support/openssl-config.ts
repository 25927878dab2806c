import type { NamedGroup } from '../../src/index.ts';
import type { PeerSettings } from './peer.ts';
import { contentFile } from './run.ts';

const groupNames: Readonly<Record<NamedGroup, string>> = {
  x25519: 'X25519',
  secp256r1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

/** The groups as OpenSSL's configuration and command line want them. */
export function opensslGroups(groups: readonly NamedGroup[]): string {
  return groups.map((group) => groupNames[group]).join(':');
}

/** The environment that narrows any program on OpenSSL to `settings`. */
export async function opensslEnvironment(settings: Partial<PeerSettings>): Promise<Record<string, string>> {
  const { groups, cipherSuites, signatureSchemes, withoutExtendedMasterSecret } = settings;
  const lines: string[] = [];
  if (groups !== undefined) lines.push(`Groups = ${opensslGroups(groups)}`);
  if (cipherSuites !== undefined) lines.push(`Ciphersuites = ${cipherSuites.join(':')}`);
  if (signatureSchemes !== undefined) lines.push(`SignatureAlgorithms = ${signatureSchemes.join(':')}`);
  if (withoutExtendedMasterSecret) lines.push('Options = -ExtendedMasterSecret');
  const sections = [
    'openssl_conf = main',
    '[main]',
    'ssl_conf = ssl',
    '[ssl]',
    'system_default = tls',
    '[tls]',
  ];
  return { OPENSSL_CONF: await contentFile('openssl.cnf', [...sections, ...lines, ''].join('\n')) };
}
