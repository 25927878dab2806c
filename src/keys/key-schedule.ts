import { copyBytes, noBytes, wipe } from '../base/bytes.ts';
import type { CryptoProvider, HashAlgorithm } from '../crypto/provider.ts';
import { deriveSecret, hashLengths, hkdfExpandLabel, hkdfExtract } from './hkdf.ts';

/*
 * The key schedule (RFC 9846 §7.1) as three stages. Each gives the secrets that hang off it and leads to the next one,
 * which ends it: its secret is wiped then, and using it again throws.
 *
 * Secrets that go in stay the caller's; secrets that come out are the caller's, each in an array of its own.
 */

/** The two directions of one generation of traffic secrets. */
export interface TrafficSecrets {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/**
 * The key schedule's first stage.
 *
 * @param psk the pre-shared key; leave it out where none is used
 */
export function earlySecret(provider: CryptoProvider, hash: HashAlgorithm, psk?: Uint8Array): EarlySecret {
  if (!psk) {
    const constants = constantsOf(provider, hash);
    return new EarlySecret(
      new Stage(provider, hash, copyBytes(constants.earlySecret), constants.saltOfHandshakeSecret),
    );
  }
  const zeros = new Uint8Array(hashLengths[hash]);
  return new EarlySecret(new Stage(provider, hash, hkdfExtract(provider, hash, zeros, psk)));
}

/** Early Secret: knows the PSK only. */
export class EarlySecret {
  readonly #stage: Stage;

  /** Use `earlySecret`. */
  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /**
   * The binder of a resumption PSK (RFC 9846 §4.3.11.2).
   *
   * @param transcriptHash up to the binders of the ClientHello that carries it
   */
  binder(transcriptHash: Uint8Array): Uint8Array {
    const { provider, hash } = this.#stage;
    const binderKey = this.#stage.deriveFromNothing('res binder');
    const binder = finishedVerifyData(provider, hash, binderKey, transcriptHash);
    wipe(binderKey);
    return binder;
  }

  /**
   * The next stage; this one ends.
   *
   * @param sharedSecret what the key exchange gave
   */
  handshakeSecret(sharedSecret: Uint8Array): HandshakeSecret {
    return new HandshakeSecret(this.#stage.next(sharedSecret));
  }

  /** Ends this stage for good; again does nothing. */
  wipe(): void {
    this.#stage.wipe();
  }
}

/** Handshake Secret: knows the PSK and the shared secret. */
export class HandshakeSecret {
  readonly #stage: Stage;

  /** Use `EarlySecret.handshakeSecret`. */
  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /**
   * client_handshake_traffic_secret and server_handshake_traffic_secret.
   *
   * @param helloHash the transcript hash up to ServerHello
   */
  trafficSecrets(helloHash: Uint8Array): TrafficSecrets {
    return {
      client: this.#stage.derive('c hs traffic', helloHash),
      server: this.#stage.derive('s hs traffic', helloHash),
    };
  }

  /** The next stage; this one ends. */
  mainSecret(): MainSecret {
    const zeros = new Uint8Array(hashLengths[this.#stage.hash]);
    return new MainSecret(this.#stage.next(zeros));
  }

  /** Ends this stage for good; again does nothing. */
  wipe(): void {
    this.#stage.wipe();
  }
}

/** Main Secret: the last stage. */
export class MainSecret {
  readonly #stage: Stage;

  /** Use `HandshakeSecret.mainSecret`. */
  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /**
   * client_application_traffic_secret_0 and server_application_traffic_secret_0.
   *
   * @param serverFinishedHash the transcript hash up to the server's Finished
   */
  trafficSecrets(serverFinishedHash: Uint8Array): TrafficSecrets {
    return {
      client: this.#stage.derive('c ap traffic', serverFinishedHash),
      server: this.#stage.derive('s ap traffic', serverFinishedHash),
    };
  }

  /**
   * exporter_secret, for `exportKeyingMaterial`.
   *
   * @param serverFinishedHash the transcript hash up to the server's Finished
   */
  exporterSecret(serverFinishedHash: Uint8Array): Uint8Array {
    return this.#stage.derive('exp master', serverFinishedHash);
  }

  /**
   * resumption_secret, for `resumptionPsk`.
   *
   * @param clientFinishedHash the transcript hash up to the client's Finished
   */
  resumptionSecret(clientFinishedHash: Uint8Array): Uint8Array {
    return this.#stage.derive('res master', clientFinishedHash);
  }

  /** Ends this stage for good; again does nothing. */
  wipe(): void {
    this.#stage.wipe();
  }
}

/**
 * The verify_data of a Finished message (RFC 9846 §4.5.3).
 *
 * @param trafficSecret the sender's handshake traffic secret
 * @param transcriptHash up to the message before
 */
export function finishedVerifyData(
  provider: CryptoProvider,
  hash: HashAlgorithm,
  trafficSecret: Uint8Array,
  transcriptHash: Uint8Array,
): Uint8Array {
  const finishedKey = hkdfExpandLabel(provider, hash, trafficSecret, 'finished', noBytes, hashLengths[hash]);
  const verifyData = provider.hmac(hash, finishedKey, transcriptHash);
  wipe(finishedKey);
  return verifyData;
}

/** The next generation of an application traffic secret (RFC 9846 §7.2). The old one is the caller's to wipe. */
export function nextTrafficSecret(
  provider: CryptoProvider,
  hash: HashAlgorithm,
  secret: Uint8Array,
): Uint8Array {
  return hkdfExpandLabel(provider, hash, secret, 'traffic upd', noBytes, hashLengths[hash]);
}

/**
 * The PSK that belongs to a ticket (RFC 9846 §4.7.1).
 *
 * @param ticketNonce the ticket's, 0 to 255 bytes
 */
export function resumptionPsk(
  provider: CryptoProvider,
  hash: HashAlgorithm,
  resumptionSecret: Uint8Array,
  ticketNonce: Uint8Array,
): Uint8Array {
  return hkdfExpandLabel(provider, hash, resumptionSecret, 'resumption', ticketNonce, hashLengths[hash]);
}

/**
 * TLS-Exporter (RFC 9846 §7.5).
 *
 * @param label ASCII, at most 249 bytes
 * @param context of any length; empty where the label has none
 * @param length in bytes, at most 255 hash lengths
 * @throws RangeError where `label` or `length` is out of range
 */
export function exportKeyingMaterial(
  provider: CryptoProvider,
  hash: HashAlgorithm,
  exporterSecret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const labelSecret = deriveSecret(
    provider,
    hash,
    exporterSecret,
    label,
    constantsOf(provider, hash).hashOfNothing,
  );
  try {
    const contextHash = hashOf(provider, hash, context);
    return hkdfExpandLabel(provider, hash, labelSecret, 'exporter', contextHash, length);
  } finally {
    wipe(labelSecret);
  }
}

/** One of the secrets down the left side of the RFC's diagram. */
class Stage {
  readonly provider: CryptoProvider;
  readonly hash: HashAlgorithm;
  #secret: Uint8Array | undefined;
  readonly #publicSalt: Uint8Array | undefined;

  /** @param publicSalt what the stage below is salted with, where everybody knows it */
  constructor(provider: CryptoProvider, hash: HashAlgorithm, secret: Uint8Array, publicSalt?: Uint8Array) {
    this.provider = provider;
    this.hash = hash;
    this.#secret = secret;
    this.#publicSalt = publicSalt;
  }

  derive(label: string, transcriptHash: Uint8Array): Uint8Array {
    return deriveSecret(this.provider, this.hash, this.#live(), label, transcriptHash);
  }

  /** Derive-Secret over no messages. */
  deriveFromNothing(label: string): Uint8Array {
    return this.derive(label, constantsOf(this.provider, this.hash).hashOfNothing);
  }

  /** The stage below, with `input` mixed in; this one is wiped. */
  next(input: Uint8Array): Stage {
    this.#live();
    const salt = this.#publicSalt ?? this.deriveFromNothing('derived');
    const secret = hkdfExtract(this.provider, this.hash, salt, input);
    if (!this.#publicSalt) wipe(salt);
    this.wipe();
    return new Stage(this.provider, this.hash, secret);
  }

  wipe(): void {
    wipe(this.#secret);
    this.#secret = undefined;
  }

  /** @throws Error after the end: a wiped secret would give keys that everybody knows */
  #live(): Uint8Array {
    if (!this.#secret) throw new Error('this stage of the key schedule has ended');
    return this.#secret;
  }
}

function hashOf(provider: CryptoProvider, hash: HashAlgorithm, data: Uint8Array): Uint8Array {
  const running = provider.hash(hash);
  running.update(data);
  return running.digest();
}

/** What is the same in every handshake: nothing of it is secret. */
interface Constants {
  /** Transcript-Hash(""). */
  readonly hashOfNothing: Uint8Array;
  /** Early Secret where there is no PSK. */
  readonly earlySecret: Uint8Array;
  /** Derive-Secret(that one, "derived", ""). */
  readonly saltOfHandshakeSecret: Uint8Array;
}

/** By provider: what one of the caller's own computes is for its own connections alone. */
const knownConstants = new WeakMap<CryptoProvider, Map<HashAlgorithm, Constants>>();

function constantsOf(provider: CryptoProvider, hash: HashAlgorithm): Constants {
  let ofProvider = knownConstants.get(provider);
  if (!ofProvider) {
    ofProvider = new Map();
    knownConstants.set(provider, ofProvider);
  }
  let constants = ofProvider.get(hash);
  if (!constants) {
    constants = computeConstants(provider, hash);
    ofProvider.set(hash, constants);
  }
  return constants;
}

function computeConstants(provider: CryptoProvider, hash: HashAlgorithm): Constants {
  const zeros = new Uint8Array(hashLengths[hash]);
  const hashOfNothing = hashOf(provider, hash, noBytes);
  const earlySecret = hkdfExtract(provider, hash, zeros, zeros);
  const saltOfHandshakeSecret = deriveSecret(provider, hash, earlySecret, 'derived', hashOfNothing);
  return { hashOfNothing, earlySecret, saltOfHandshakeSecret };
}
