import { concatBytes } from '../../../src/base/bytes.ts';
import { nodeCrypto } from '../../../src/crypto/node/provider.ts';
import { type CipherSuite, cipherSuites } from '../../../src/keys/cipher-suites.ts';
import { nextTrafficSecret } from '../../../src/keys/key-schedule.ts';
import { RecordOpener, RecordSealer } from '../../../src/keys/record-protection.ts';
import { contentTypes, handshakeTypes } from '../../../src/wire/names.ts';
import { Endpoint } from '../../hostile/support/endpoint.ts';
import { cutRecords } from '../../support/plain-records.ts';
import { splitMessages } from '../../support/raw-peer.ts';
import { compose } from './compose.ts';
import type { Scene } from './scenes.ts';
import { PeerState } from './state.ts';
import { alteredBy, type Message, type MessageStep, type Step } from './steps.ts';
import { type Epoch, type SaidRecord, Voice } from './voice.ts';

/** What came of a script. */
export interface Performance {
  readonly victim: Endpoint;
  readonly state: PeerState;
  /** All that the victim got, as it was made. */
  readonly said: readonly SaidRecord[];
  /** Output that the victim made in a turn of receiving, though it was connected before: the law of turns. */
  readonly outOfTurn: number;
  /** The victim's application does something; the peer hears what the victim says then. */
  readonly hear: (act: (victim: Endpoint) => void) => readonly Heard[];
}

/** A record of the victim's that the peer could open. */
export interface Heard {
  readonly type: number;
  readonly content: Uint8Array;
}

/** Plays the steps to a fresh victim. @param trickle whether records come one by one, each in a turn of its own */
export function perform(scene: Scene, steps: readonly Step[], trickle = false): Performance {
  scene.restart();
  return new Peer(scene).play(steps, trickle);
}

class Peer {
  readonly #state: PeerState;
  readonly #voice: Voice;
  readonly #victim: Endpoint;
  #heard = 0;
  #opener: RecordOpener | undefined;
  #isDeaf = false;
  #partial: Uint8Array = new Uint8Array(0);
  #outOfTurn = 0;
  readonly #opened: Heard[] = [];

  constructor({ peer, config }: Scene) {
    const state = new PeerState(peer);
    this.#state = state;
    this.#voice = new Voice((epoch) =>
      epoch === 'unknown'
        ? new TrafficEpoch(cipherSuites.TLS_AES_128_GCM_SHA256, new Uint8Array(32).fill(0x77))
        : new TrafficEpoch(state.suite, state[epoch]()[peer.side]),
    );
    this.#victim = new Endpoint(config);
    this.#listen();
  }

  play(steps: readonly Step[], trickle: boolean): Performance {
    for (const step of steps) this.#play(step, trickle);
    this.#deliver(trickle);
    return {
      victim: this.#victim,
      state: this.#state,
      said: this.#voice.said,
      outOfTurn: this.#outOfTurn,
      hear: (act) => {
        this.#opened.length = 0;
        act(this.#victim);
        this.#victim.step();
        this.#listen();
        return [...this.#opened];
      },
    };
  }

  #play(step: Step, trickle: boolean): void {
    if (step.kind === 'turn') this.#deliver(trickle);
    else if (step.kind === 'keys') this.#voice.install(step.epoch);
    else if (step.kind === 'record') this.#voice.record(step);
    else this.#say(step);
  }

  #say(step: MessageStep): void {
    const { message } = step;
    const state = this.#state;
    const bytes = alteredBy(step, compose(state, message));
    if (message.name === 'HelloRetryRequest') state.transcript.replace(state.suite.hash);
    if (!step.unhashed && !isUnhashed(message)) state.transcript.add(bytes);
    if (message.name === 'ServerHello') state.fixHandshake();
    if (message.name === 'Finished' && state.setup.side === 'server') state.fixApplication();
    if (message.name === 'Finished' && state.setup.side === 'client') state.fixResumption();
    this.#voice.message(bytes, step);
    if (message.name === 'KeyUpdate') this.#voice.updateKeys();
  }

  #deliver(trickle: boolean): void {
    const records = this.#voice.take();
    for (const bytes of trickle ? records : [concatBytes(...records)]) {
      const wasConnected = this.#victim.established;
      const output = this.#victim.receive(bytes).length + this.#victim.settle().length;
      if (wasConnected && !this.#victim.failed) this.#outOfTurn += output;
      this.#listen();
    }
  }

  /** Hears what the victim says, as far as the peer has the keys. */
  #listen(): void {
    const { wire } = this.#victim;
    const fresh = wire.subarray(this.#heard);
    this.#heard = wire.length;
    for (const record of cutRecords(fresh)) this.#hear(record);
  }

  #hear(record: Uint8Array): void {
    if (this.#isDeaf) return;
    const header = record.subarray(0, 5);
    const body = record.subarray(5);
    if (record[0] === contentTypes.handshake) {
      this.#hearMessages(body);
    } else if (record[0] === contentTypes.application_data) {
      const { setup, suite } = this.#state;
      const victim = setup.side === 'client' ? 'server' : 'client';
      this.#opener ??= new RecordOpener(nodeCrypto, suite, this.#state.handshake()[victim]);
      const opened = this.#opener.open(header, body);
      if (!opened) {
        this.#isDeaf = true;
        return;
      }
      this.#opened.push(opened);
      if (opened.type === contentTypes.handshake) this.#hearMessages(opened.content);
    }
  }

  #hearMessages(content: Uint8Array): void {
    const { messages, rest } = splitMessages(concatBytes(this.#partial, content));
    this.#partial = rest;
    for (const message of messages) {
      this.#state.hear(message);
      if (message[0] === handshakeTypes.key_update) this.#opener?.updateKeys();
      if (message[0] !== handshakeTypes.finished) continue;
      const { setup, suite } = this.#state;
      const victim = setup.side === 'client' ? 'server' : 'client';
      this.#opener = new RecordOpener(nodeCrypto, suite, this.#state.application()[victim]);
    }
  }
}

/** Keys of TLS 1.3. */
class TrafficEpoch implements Epoch {
  readonly secret: Uint8Array;
  readonly #suite: CipherSuite;
  readonly #sealer: RecordSealer;

  constructor(suite: CipherSuite, secret: Uint8Array) {
    this.#suite = suite;
    this.secret = secret;
    this.#sealer = new RecordSealer(nodeCrypto, suite, secret);
  }

  get recordsSealed(): number {
    return this.#sealer.recordsSealed;
  }

  seal(type: number, content: Uint8Array, padding: number): readonly Uint8Array[] {
    return this.#sealer.seal(type, [{ content: [content], padding }]);
  }

  next(): Epoch {
    return new TrafficEpoch(this.#suite, nextTrafficSecret(nodeCrypto, this.#suite.hash, this.secret));
  }
}

/** What comes behind the handshake is not in the transcript. */
function isUnhashed({ name }: Message): boolean {
  return name === 'NewSessionTicket' || name === 'KeyUpdate';
}
