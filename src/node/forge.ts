import { createRequire } from 'node:module';
import { TlsUsageError } from '../base/errors.ts';

/** What is used of node-forge. Its bytes are strings, a character for each. */
export interface Forge {
  readonly asn1: {
    fromDer(bytes: string, options: object): Asn1;
    toDer(value: Asn1): ByteBuffer;
    derToOid(bytes: string): string;
    getBerValueLength(bytes: ByteBuffer): number | undefined;
  };
  readonly md: Readonly<Record<string, { create(): Digest }>>;
  readonly pkcs12: {
    generateKey(
      passphrase: string | null,
      salt: ByteBuffer,
      id: number,
      iterations: number,
      length: number,
      digest: Digest,
    ): ByteBuffer;
  };
  readonly pki: {
    readonly pbe: { getCipher(oid: string, parameters: Asn1 | undefined, passphrase: string | null): Cipher };
  };
  readonly util: { createBuffer(bytes: string): ByteBuffer };
}

export interface Asn1 {
  readonly value: string | readonly Asn1[];
}

interface ByteBuffer {
  getByte(): number;
  getBytes(): string;
  length(): number;
}

interface Digest {
  readonly digestLength: number;
}

interface Cipher {
  readonly output: ByteBuffer;
  update(bytes: ByteBuffer): void;
  finish(): boolean;
}

/**
 * Not before there is something for it to read: who gives PEM need not install it.
 * @throws TlsUsageError where it is not installed
 */
export function loadForge(): Forge {
  try {
    return createRequire(import.meta.url)('node-forge') as Forge;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw cause;
    throw new TlsUsageError(
      'pfx: PKCS #12 is read by the package node-forge, which is not there: npm install node-forge, ' +
        'or give `cert` and `key` as PEM (openssl pkcs12 -in file -nodes)',
      { cause },
    );
  }
}
