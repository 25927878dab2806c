import { nodeCrypto } from '../crypto/node/provider.ts';
import { trustAnchors } from '../net/anchors.ts';

/** One of many that Tacit does not take is no reason to do without the others; it is said, with where it stands. */
export function canBeAnchor(der: Uint8Array, source: string): boolean {
  try {
    trustAnchors([der], 'server', nodeCrypto);
    return true;
  } catch (error) {
    process.emitWarning(`Ignoring a certificate of \`${source}\`: ${String(error)}`);
    return false;
  }
}
