import { concatBytes, noBytes, utf8 } from '../base/bytes.ts';
import { peerError, TlsUsageError } from '../base/errors.ts';
import { maxAuthorityNames } from '../base/limits.ts';
import { sha256 } from '../crypto/sha256.ts';
import type { Transcript } from '../keys/transcript.ts';
import { acceptedTypes } from './certificate-types.ts';
import type { ServerConfig } from './config.ts';
import type { ClientAuthentication, Identity, ServerIdentity, TrustPolicy } from './identity.ts';
import { chooseServerIdentity, type IdentityWishes, requireEffect } from './identity-choice.ts';
import { ask, type Flight, type Handshake } from './steps.ts';

/** What a server's handshake carries from ClientHello on. */
export interface ServerContext {
  readonly config: ServerConfig;
  readonly flight: Flight;
  readonly transcript: Transcript;
}

/** Under which rules a handshake runs, once its identity is chosen: how clients of this identity are authenticated. */
export interface ServerPolicy {
  readonly clientAuthentication: ClientAuthentication;
  readonly clientTrust: TrustPolicy | undefined;
  /** A hash over all that a session is bound to. */
  readonly hash: Uint8Array;
}

/**
 * The identity for a client: that of the configuration which fits best, or what its function says.
 * @param wishes what the client offers, for the version that was negotiated
 */
export function* chooseIdentity(
  config: ServerConfig,
  wishes: () => IdentityWishes,
): Handshake<ServerIdentity> {
  const { identity: configured } = config;
  if (typeof configured !== 'function') return chooseServerIdentity(configured, wishes);
  const { hello: info } = wishes();
  const chosen = yield* ask({ kind: 'serverIdentity', hello: info }, (context) => configured(info, context));
  if (!chosen) {
    throw peerError(
      'unrecognized_name',
      `no identity for ${info.serverName ?? 'a client without server_name'}`,
    );
  }
  return chosen;
}

/** What an identity says of its clients goes before what the configuration says. */
export function policyOf(config: ServerConfig, identity: ServerIdentity): ServerPolicy {
  const clientAuthentication = identity.clientAuthentication ?? config.clientAuthentication;
  const clientTrust = identity.clientTrust ?? config.clientTrust;
  if (clientAuthentication !== 'none' && !clientTrust) {
    throw new TlsUsageError('an identity requests client certificates, but nothing says which are trusted');
  }
  requireEffect(identity, clientAuthentication);
  const hash = sessionPolicyHash(config, identity, clientAuthentication, clientTrust);
  return { clientAuthentication, clientTrust, hash };
}

/** Undefined where there are none, or so many that they are no hint; part of them would keep others' clients from trying. */
export function asHint(authorities: readonly Uint8Array[] = []): readonly Uint8Array[] | undefined {
  const length = authorities.reduce((sum, name) => sum + 2 + name.length, 0);
  return length > 0 && length <= maxAuthorityNames ? authorities : undefined;
}

const policyLabel = utf8('tacit session policy');

/**
 * A session made under one identity, client-authentication mode or trust configuration never stands for another
 * (CVE-2025-23419, CVE-2025-68121): all of them go into one hash.
 */
export function sessionPolicyHash(
  config: ServerConfig,
  identity: Identity,
  clientAuthentication: ClientAuthentication,
  clientTrust: TrustPolicy | undefined,
): Uint8Array {
  const trust = clientAuthentication === 'none' ? undefined : clientTrust;
  const [leaf] = identity.chain;
  const fingerprint = trust?.fingerprint;
  const accepted = trust && acceptedTypes(trust);
  const known = lastHashes.get(identity);
  const isKnown =
    known?.config === config &&
    known.clientAuthentication === clientAuthentication &&
    known.trust === trust &&
    known.leaf === leaf &&
    known.fingerprint === fingerprint &&
    known.accepted === accepted;
  if (isKnown) return known.hash;
  // Two policies of a caller's may have one fingerprint and take other things.
  const types = accepted && utf8(accepted.join(' '));
  const parts = [policyLabel, leaf, utf8(clientAuthentication), fingerprint, types];
  const hash = sha256(config.provider, ...parts.map((part) => lengthPrefixed(part ?? noBytes)));
  lastHashes.set(identity, { config, clientAuthentication, trust, leaf, fingerprint, accepted, hash });
  return hash;
}

/** The hash that an identity had last, and what it was made of: the same for nearly every handshake. */
const lastHashes = new WeakMap<
  Identity,
  {
    readonly config: ServerConfig;
    readonly clientAuthentication: ClientAuthentication;
    readonly trust: TrustPolicy | undefined;
    readonly leaf: Uint8Array | undefined;
    readonly fingerprint: Uint8Array | undefined;
    readonly accepted: readonly string[] | undefined;
    readonly hash: Uint8Array;
  }
>();

function lengthPrefixed(bytes: Uint8Array): Uint8Array {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return concatBytes(length, bytes);
}
