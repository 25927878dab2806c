import type { CryptoProvider } from './provider.ts';

/** SHA-256 over `parts`, one behind the other: 32 bytes. */
export function sha256(provider: CryptoProvider, ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = provider.hash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
