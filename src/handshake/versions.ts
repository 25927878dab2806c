import type {
  CipherSuiteName,
  ProtocolVersion,
  Tls12CipherSuiteName,
  Tls13CipherSuiteName,
} from '../wire/names.ts';
import { tls12CipherSuiteCodes, tls13CipherSuiteCodes } from '../wire/names.ts';
import type { EndpointConfig } from './config.ts';

/** Whether a version is one that we negotiate. */
export function speaks(
  { minVersion, maxVersion }: Pick<EndpointConfig, 'minVersion' | 'maxVersion'>,
  version: ProtocolVersion,
): boolean {
  return minVersion === version || maxVersion === version;
}

export function isTls13Suite(name: CipherSuiteName): name is Tls13CipherSuiteName {
  return Object.hasOwn(tls13CipherSuiteCodes, name);
}

export function isTls12Suite(name: CipherSuiteName): name is Tls12CipherSuiteName {
  return Object.hasOwn(tls12CipherSuiteCodes, name);
}

/** The last 8 bytes of a ServerHello's random value that say that the server speaks 1.3 too (RFC 9846 §4.2.3). */
export const tls12DowngradeSentinel: Uint8Array = Uint8Array.of(0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 1);

/** The same where the server speaks 1.2 and chose a version below. */
export const tls11DowngradeSentinel: Uint8Array = Uint8Array.of(0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 0);
