import { TlsCertificateError, TlsUsageError } from '../base/errors.ts';
import { RevocationList } from '../pki/crl.ts';
import type { RevocationSettings } from '../pki/revocation.ts';
import { revocationListsFrom } from './pem.ts';

/** How revoked certificates of peers are found. */
export interface RevocationOptions {
  /**
   * OCSP responses that peers send with their certificates: `check`, the default, asks for them, and refuses those that
   * are no good as well as a server without one whose certificate promises one (must-staple, RFC 7633); `require` refuses
   * every peer without one, but for those whose own certificate is in `ca`; `ignore` does not ask. One that is out of
   * date, or a responder's error, is as good as none.
   */
  readonly stapledResponses?: 'check' | 'require' | 'ignore' | undefined;
  /**
   * Revocation lists: PEM text of one or several, PEM or DER bytes, or an array of these. They are read once; a newer
   * list needs a new configuration. Each has to be complete and of the issuer of the certificates that it is about.
   */
  readonly crls?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /**
   * What becomes of a certificate, the anchor aside, that no list and no response is about. With `crls` it is `refuse` by
   * default, without them `allow`. A list that is out of date always refuses.
   */
  readonly unknownStatus?: 'allow' | 'refuse' | undefined;
}

const optionNames = 'stapledResponses, crls, unknownStatus';

/** @throws TlsUsageError naming the option */
export function revocationSettings(options: RevocationOptions): RevocationSettings {
  if (options === null || typeof options !== 'object')
    throw new TlsUsageError(`revocation: expected ${optionNames}, got ${typeof options}`);
  const { stapledResponses = 'check', crls, unknownStatus, ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw new TlsUsageError(`revocation.${unknown}: there is no such option; known are ${optionNames}`);
  if (!['check', 'require', 'ignore'].includes(stapledResponses)) {
    throw new TlsUsageError(
      `revocation.stapledResponses: expected 'check', 'require' or 'ignore', got ${stapledResponses}`,
    );
  }
  if (unknownStatus !== undefined && unknownStatus !== 'allow' && unknownStatus !== 'refuse')
    throw new TlsUsageError(`revocation.unknownStatus: expected 'allow' or 'refuse', got ${unknownStatus}`);
  const lists = crls === undefined ? [] : listsOf(crls);
  return {
    lists,
    stapledResponses,
    unknownStatus: unknownStatus ?? (crls === undefined ? 'allow' : 'refuse'),
  };
}

function listsOf(crls: NonNullable<RevocationOptions['crls']>): readonly RevocationList[] {
  const sources: readonly (string | Uint8Array)[] =
    typeof crls === 'string' || crls instanceof Uint8Array
      ? [crls]
      : (crls as readonly (string | Uint8Array)[]);
  if (!Array.isArray(sources))
    throw new TlsUsageError(
      'revocation.crls: expected PEM text, the bytes of a revocation list, or an array of these',
    );
  if (sources.length === 0)
    throw new TlsUsageError('revocation.crls: expected at least one revocation list, got an empty array');
  return sources.flatMap((source, index) => {
    const what = sources.length === 1 ? 'revocation.crls' : `revocation.crls[${index}]`;
    return revocationListsFrom(source, what).map((der, place) => parse(der, `${what}, list ${place + 1}`));
  });
}

function parse(der: Uint8Array, what: string): RevocationList {
  try {
    return new RevocationList(der);
  } catch (cause) {
    if (!(cause instanceof TlsCertificateError)) throw cause;
    throw new TlsUsageError(`${what} cannot be used: ${cause.message}`, { cause });
  }
}
