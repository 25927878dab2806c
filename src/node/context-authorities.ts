import { nodeCrypto } from '../crypto/node/provider.ts';
import { issuersAmong, trustAnchors } from '../net/anchors.ts';
import { authoritiesWithin } from '../net/pem.ts';
import { type PemSource, pemText } from './pem-text.ts';
import { invalidType } from './validation.ts';

type Anchors = ReturnType<typeof trustAnchors>;

/** Whom a context trusts: its `ca`, or without one the default ones, and whoever is added to it. */
export class ContextAuthorities {
  /** DER of `ca`; undefined: the default ones. */
  readonly given: readonly Uint8Array[] | undefined;
  #added: readonly Uint8Array[] = [];
  readonly #anchors: Anchors[] = [];

  /** @throws TlsUsageError naming the certificate that can be no anchor */
  constructor(ca: readonly PemSource[] | undefined) {
    // Without a certificate in it nobody is trusted, as in Node.
    this.given = ca && this.#read(ca);
  }

  /** DER: another array after each addition, so that what was made of it can tell. */
  get added(): readonly Uint8Array[] {
    return this.#added;
  }

  /**
   * For whoever verifies a peer from now on.
   * @throws TlsUsageError naming the certificate that can be no anchor, and then nobody is added
   */
  add(pem: PemSource): void {
    if (typeof pem !== 'string' && !ArrayBuffer.isView(pem))
      throw invalidType('cert', 'of type string or an instance of Buffer, TypedArray, or DataView', pem);
    const found = this.#read([pem]);
    if (found.length > 0) this.#added = [...this.#added, ...found];
  }

  /** DER of those, but for the default ones, that have the name of the issuer of a certificate (DER). */
  issuersOf(certificate: Uint8Array): readonly Uint8Array[] {
    return this.#anchors.flatMap((anchors) => issuersAmong(anchors(), certificate));
  }

  /** What cannot be an anchor is said here, and not to the first peer. */
  #read(sources: readonly PemSource[]): readonly Uint8Array[] {
    const found = sources.flatMap((source) => authoritiesWithin(pemText(source)));
    if (found.length > 0) this.#anchors.push(trustAnchors(found, 'server', nodeCrypto));
    return found;
  }
}
