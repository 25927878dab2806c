import { concatBytes, utf8 } from '../../../src/base/bytes.ts';
import { nodeCrypto } from '../../../src/crypto/node/provider.ts';
import type { HashAlgorithm } from '../../../src/crypto/provider.ts';
import type { CipherSuite } from '../../../src/keys/cipher-suites.ts';
import { hashLengths } from '../../../src/keys/hkdf.ts';
import {
  earlySecret,
  finishedVerifyData,
  type HandshakeSecret,
  type MainSecret,
  type TrafficSecrets,
} from '../../../src/keys/key-schedule.ts';
import { handshakeTypes } from '../../../src/wire/names.ts';
import { hashOf } from '../../support/handshake.ts';
import type { Side } from './steps.ts';

/** The key schedule of one connection (RFC 9846 §7.1), to be read at any place and in any order. */
export class Schedule {
  readonly suite: CipherSuite;
  readonly #psk: Uint8Array | undefined;
  readonly #shared: Uint8Array;
  #handshakeStage: HandshakeSecret | undefined;
  #mainStage: MainSecret | undefined;

  constructor(suite: CipherSuite, psk: Uint8Array | undefined, shared: Uint8Array) {
    this.suite = suite;
    this.#psk = psk;
    this.#shared = shared;
  }

  handshake(transcript: Messages): TrafficSecrets {
    return this.#handshakeSecret().trafficSecrets(transcript.digest(this.suite.hash));
  }

  application(transcript: Messages): TrafficSecrets {
    return this.#mainSecret().trafficSecrets(transcript.digest(this.suite.hash));
  }

  exporter(transcript: Messages): Uint8Array {
    return this.#mainSecret().exporterSecret(transcript.digest(this.suite.hash));
  }

  resumption(transcript: Messages): Uint8Array {
    return this.#mainSecret().resumptionSecret(transcript.digest(this.suite.hash));
  }

  verifyData(trafficSecret: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
    return finishedVerifyData(nodeCrypto, this.suite.hash, trafficSecret, transcriptHash);
  }

  #handshakeSecret(): HandshakeSecret {
    this.#handshakeStage ??= this.#fresh();
    return this.#handshakeStage;
  }

  #mainSecret(): MainSecret {
    // It ends the stage that it comes from: that has to be another one.
    this.#mainStage ??= this.#fresh().mainSecret();
    return this.#mainStage;
  }

  #fresh(): HandshakeSecret {
    return earlySecret(nodeCrypto, this.suite.hash, this.#psk).handshakeSecret(this.#shared);
  }
}

/** What a CertificateVerify signs: 64 spaces, the context string of the side, a zero byte, the hash (RFC 9846 §4.5.2). */
export function signedContent(side: Side, transcriptHash: Uint8Array): Uint8Array {
  return concatBytes(utf8(`${' '.repeat(64)}TLS 1.3, ${side} CertificateVerify\0`), transcriptHash);
}

/** The messages of a transcript (RFC 9846 §4.1), which can be hashed with any function and at any time. */
export class Messages {
  #messages: Uint8Array[] = [];

  add(message: Uint8Array): void {
    this.#messages.push(message);
  }

  digest(hash: HashAlgorithm): Uint8Array {
    return hashOf(nodeCrypto, hash, this.bytes);
  }

  /** Without the last message. */
  digestBefore(hash: HashAlgorithm): Uint8Array {
    return hashOf(nodeCrypto, hash, concatBytes(...this.#messages.slice(0, -1)));
  }

  digestWith(hash: HashAlgorithm, partial: Uint8Array): Uint8Array {
    return hashOf(nodeCrypto, hash, concatBytes(...this.#messages, partial));
  }

  /** The message_hash in the place of all until now. */
  replace(hash: HashAlgorithm): void {
    const header = Uint8Array.of(handshakeTypes.message_hash, 0, 0, hashLengths[hash]);
    this.#messages = [concatBytes(header, this.digest(hash))];
  }

  get bytes(): Uint8Array {
    return concatBytes(...this.#messages);
  }
}
