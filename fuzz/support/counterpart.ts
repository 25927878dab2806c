import { createHash, sign } from 'node:crypto';
import { concatBytes } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { certificateVerifyContent } from '../../src/handshake/authentication.ts';
import type { ClientConfig, ServerConfig } from '../../src/handshake/config.ts';
import type { Flight } from '../../src/handshake/steps.ts';
import { type CipherSuite, cipherSuites } from '../../src/keys/cipher-suites.ts';
import { hashLengths } from '../../src/keys/hkdf.ts';
import { earlySecret, finishedVerifyData } from '../../src/keys/key-schedule.ts';
import type { Tls12CipherSuite } from '../../src/keys/tls12-cipher-suites.ts';
import { tls12VerifyData, tls12VerifyDataLength } from '../../src/keys/tls12-key-schedule.ts';
import type { ClientSession } from '../../src/sessions/client-session.ts';
import { bindersLength, decodeClientHello } from '../../src/wire/hello.ts';
import { contentTypes, handshakeTypes, signatureSchemeCodes } from '../../src/wire/names.ts';
import { Endpoint } from '../../test/hostile/support/endpoint.ts';
import { identityKeys } from '../../test/hostile/support/identities.ts';
import type { Side } from '../../test/hostile/support/rehearsal.ts';
import { isHelloRetryRequest } from '../../test/hostile/support/structure.ts';
import { WriteKeys } from '../../test/support/plain-records.ts';
import { type Item, isWhole, messagesOf, record } from './notation.ts';

/** What the counterpart makes right in what it is told to say, so that more than the first message is looked at. */
export interface Repairs {
  /** The verify_data of Finished. */
  readonly finished: boolean;
  /** The signature of CertificateVerify, or of ServerKeyExchange: it has the key. */
  readonly signature: boolean;
  /** The first binder of a ClientHello: it has the session. */
  readonly binder: boolean;
  /** The session id in a ServerHello, which is an echo. */
  readonly echo: boolean;
}

/** What the victim negotiated in TLS 1.2. */
export interface Tls12Secrets {
  readonly suite: Tls12CipherSuite;
  readonly masterSecret: Uint8Array | undefined;
  /** How many messages had been said when the counterpart said each of its change_cipher_specs. */
  readonly changeCipherSpecs: readonly number[];
}

/**
 * A peer that says anything it is told to, protected by the very keys that its victim expects: it hears which those are.
 * No cryptography stands between a mutation and the code that it is meant for.
 */
export class Counterpart {
  readonly victim: Endpoint;
  /** All handshake messages of both sides, in the order in which they were said. */
  readonly messages: { readonly by: 'counterpart' | 'victim'; readonly message: Uint8Array }[] = [];
  /** Application data that was sent under the keys for it. */
  readonly data: Uint8Array[] = [];
  /** What the victim negotiated, with the traffic secret of the counterpart's handshake. */
  suite: CipherSuite | undefined;
  handshakeSecret: Uint8Array | undefined;
  readonly #side: Side;
  readonly #repairs: Repairs;
  readonly #session: ClientSession | undefined;
  /** Of TLS 1.2. */
  #masterSecret: Uint8Array | undefined;
  #tls12Suite: Tls12CipherSuite | undefined;
  readonly #changeCipherSpecs: number[] = [];
  #walk: ReturnType<WriteKeys['walk']> | undefined;
  #keysInstalled = 0;
  /** A message of which the rest has not been sent. */
  #begun: Uint8Array = new Uint8Array(0);

  constructor(config: ClientConfig | ServerConfig, repairs: Repairs, session: ClientSession | undefined) {
    this.#side = config.role === 'client' ? 'server' : 'client';
    this.#repairs = repairs;
    this.#session = session;
    this.victim = new Endpoint(config, (flight) => this.#listen(flight));
  }

  /** Whether the victim now reads what applications say. */
  get hasApplicationKeys(): boolean {
    return this.#keysInstalled === 2 || (this.#tls12Suite !== undefined && this.#walk !== undefined);
  }

  /** Undefined where it did not come to keys of TLS 1.2. */
  get tls12(): Tls12Secrets | undefined {
    return (
      this.#tls12Suite && {
        suite: this.#tls12Suite,
        masterSecret: this.#masterSecret,
        changeCipherSpecs: this.#changeCipherSpecs,
      }
    );
  }

  /** The bytes of an item: what they are sealed with depends on all that was heard before. */
  bytesOf(item: Exclude<Item, { kind: 'action' }>): Uint8Array {
    if (item.kind === 'bytes') return item.bytes;
    // What is sealed before there are keys is no more than something that looks protected.
    const isHeard =
      item.type === contentTypes.handshake && (item.kind === 'record' || this.#walk !== undefined);
    const content = isHeard ? this.#repair(item.content) : item.content;
    if (item.kind === 'record') {
      const isInTime = item.type === contentTypes.change_cipher_spec && !this.victim.established;
      if (isInTime) this.#changeCipherSpecs.push(this.messages.length);
      return record(item.type, item.version, content);
    }
    const inner = concatBytes(content, Uint8Array.of(item.type), new Uint8Array(item.padding));
    if (!this.#walk || inner.length > 0xfff0) return record(contentTypes.application_data, 0x0303, inner);
    const sealed = this.#walk.seal(item.type, content, item.padding);
    if (item.type === contentTypes.application_data && this.hasApplicationKeys) this.data.push(content);
    const isKeyUpdate = content[0] === handshakeTypes.key_update && content.length === 5;
    if (item.type === contentTypes.handshake && isKeyUpdate) this.#walk.keyUpdate();
    return sealed;
  }

  /** The transcript hash of the first `count` messages (RFC 9846 §4.1), or with other ones behind them. */
  transcriptHash(count: number, hash: CipherSuite['hash'], more: Uint8Array = new Uint8Array(0)): Uint8Array {
    const messages = this.messages.slice(0, count).map(({ message }) => message);
    const digest = (...parts: readonly Uint8Array[]): Uint8Array => {
      const running = createHash(hash);
      for (const part of parts) running.update(part);
      return new Uint8Array(running.digest());
    };
    const [first, second] = messages;
    if (first && second && isHelloRetryRequest(second)) {
      const header = Uint8Array.of(handshakeTypes.message_hash, 0, 0, hashLengths[hash]);
      messages[0] = concatBytes(header, digest(first));
    }
    return digest(...messages, more);
  }

  #listen(flight: Flight): Flight {
    return {
      ...flight,
      send: (message) => {
        this.messages.push({ by: 'victim', message: message.slice() });
        flight.send(message);
      },
      installReadKeys: (suite, secret) => {
        const keys = new WriteKeys();
        keys.install(suite, secret);
        this.#walk = keys.walk();
        this.#keysInstalled += 1;
        this.suite = suite;
        this.handshakeSecret ??= secret.slice();
        flight.installReadKeys(suite, secret);
      },
      installTls12WriteKeys: (suite, keys) => {
        this.#tls12Suite = suite;
        flight.installTls12WriteKeys(suite, keys);
      },
      installTls12ReadKeys: (suite, keys) => {
        this.#tls12Suite = suite;
        const writeKeys = new WriteKeys();
        writeKeys.installTls12(suite, keys);
        this.#walk = writeKeys.walk();
        flight.installTls12ReadKeys(suite, keys);
      },
      keyLog: (label, clientRandom, secret) => {
        if (label === 'CLIENT_RANDOM') this.#masterSecret = secret.slice();
        flight.keyLog(label, clientRandom, secret);
      },
    };
  }

  /** Makes right what is to be in the messages that the content has whole, and notes all messages. */
  #repair(content: Uint8Array): Uint8Array {
    if (this.#begun.length > 0) {
      this.#note(content);
      return content;
    }
    const parts: Uint8Array[] = [];
    for (const message of messagesOf(content)) {
      const repaired = isWhole(message) ? this.#repaired(message) : message;
      this.#note(repaired);
      parts.push(repaired);
    }
    return concatBytes(...parts);
  }

  /** What the victim takes for messages of its handshake. */
  #note(content: Uint8Array): void {
    if (this.victim.established) return;
    const messages = messagesOf(concatBytes(this.#begun, content));
    this.#begun = new Uint8Array(0);
    for (const message of messages) {
      // A HelloRequest is no part of the handshake (RFC 5246 §7.4.1.1).
      if (isWhole(message) && message[0] === handshakeTypes.hello_request) continue;
      if (isWhole(message)) this.messages.push({ by: 'counterpart', message });
      else this.#begun = message;
    }
  }

  #repaired(message: Uint8Array): Uint8Array {
    const { finished, signature, binder, echo } = this.#repairs;
    const { hash = 'sha256' } = this.suite ?? {};
    const count = this.messages.length;
    switch (message[0]) {
      case handshakeTypes.finished:
        if (this.#tls12Suite && this.#masterSecret)
          return finished && message.length === 4 + tls12VerifyDataLength
            ? this.#tls12Finished(message, this.#tls12Suite, this.#masterSecret)
            : message;
        if (!finished || !this.handshakeSecret || message.length !== 4 + hashLengths[hash]) return message;
        return concatBytes(
          message.subarray(0, 4),
          finishedVerifyData(nodeCrypto, hash, this.handshakeSecret, this.transcriptHash(count, hash)),
        );
      case handshakeTypes.certificate_verify:
        if (!signature || message.length !== 8 + 64) return message;
        return this.#signed(
          message.subarray(0, 4),
          this.#walk
            ? certificateVerifyContent(this.#side, this.transcriptHash(count, hash))
            : concatBytes(...this.messages.map((one) => one.message)),
        );
      case handshakeTypes.server_key_exchange: {
        const params = message.subarray(4, 8 + (message[7] ?? 0));
        if (!signature || message.length !== 4 + params.length + 4 + 64) return message;
        const randoms = this.messages
          .filter((one) => one.message[0]! <= handshakeTypes.server_hello)
          .map((one) => one.message.subarray(6, 38));
        return this.#signed(message.subarray(0, 4 + params.length), concatBytes(...randoms, params));
      }
      case handshakeTypes.client_hello:
        return binder ? this.#withBinder(message) : message;
      case handshakeTypes.server_hello:
        return echo ? this.#withEcho(message) : message;
      default:
        return message;
    }
  }

  #tls12Finished(message: Uint8Array, { hash }: Tls12CipherSuite, secret: Uint8Array): Uint8Array {
    const covered = this.transcriptHash(this.messages.length, hash);
    return concatBytes(
      message.subarray(0, 4),
      tls12VerifyData(nodeCrypto, hash, secret, this.#side, covered),
    );
  }

  /** With a signature of its key behind it. */
  #signed(beginning: Uint8Array, content: Uint8Array): Uint8Array {
    const scheme = signatureSchemeCodes.ed25519;
    return concatBytes(
      beginning,
      Uint8Array.of(scheme >> 8, scheme & 0xff, 0, 64),
      sign(null, content, identityKeys[this.#side]),
    );
  }

  /**
   * The binder that proves the session in a ClientHello ahead of which `count` messages were said; undefined where it
   * offers none.
   */
  binderFor(message: Uint8Array, count: number): Uint8Array | undefined {
    const psks = pskOf(message);
    if (!psks || this.#session?.protocolVersion !== 'TLSv1.3') return undefined;
    const { hash } = cipherSuites[this.#session.cipherSuite];
    const covered = this.transcriptHash(count, hash, message.subarray(0, -bindersLength(psks)));
    return earlySecret(nodeCrypto, hash, this.#session.psk.slice()).binder(covered);
  }

  #withBinder(message: Uint8Array): Uint8Array {
    const psks = pskOf(message);
    const binder = this.binderFor(message, this.messages.length);
    if (!psks || !binder || psks.binders[0]?.length !== binder.length) return message;
    const result = message.slice();
    // Behind the lengths of the list and of itself.
    result.set(binder, message.length - bindersLength(psks) + 3);
    return result;
  }

  #withEcho(message: Uint8Array): Uint8Array {
    const hello = this.messages[0]?.message;
    if (hello?.[38] !== 32 || message[38] !== 32 || message.length < 71) return message;
    const result = message.slice();
    result.set(hello.subarray(39, 71), 39);
    return result;
  }
}

function pskOf(message: Uint8Array): ReturnType<typeof decodeClientHello>['extensions']['pre_shared_key'] {
  try {
    return decodeClientHello(message.subarray(4)).extensions.pre_shared_key;
  } catch {
    return undefined;
  }
}
