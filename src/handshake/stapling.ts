import { mayStaple } from '../pki/stapled.ts';
import type { EndpointConfig } from './config.ts';
import type { Identity } from './identity.ts';
import { ask, type Handshake } from './steps.ts';

/** The OCSP response to send with an identity's leaf, to a peer who asked for one (RFC 9846 §4.5.1.1). */
export function* ocspResponseOf(
  config: EndpointConfig,
  identity: Identity,
): Handshake<Uint8Array | undefined> {
  const { chain, ocspResponse: source } = identity;
  const [certificate] = chain;
  if (source === undefined || certificate === undefined) return undefined;
  let response: Uint8Array | undefined;
  try {
    response =
      typeof source === 'function'
        ? yield* ask({ kind: 'ocspResponse', certificate }, (context) => source(context))
        : source;
    const clock = { provider: config.provider, now: config.now() };
    return response instanceof Uint8Array && mayStaple(response, certificate, clock) ? response : undefined;
  } catch {
    // Most peers do without; those that do not will say so.
    return undefined;
  }
}
