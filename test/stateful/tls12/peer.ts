import { concatBytes } from '../../../src/base/bytes.ts';
import { contentTypes } from '../../../src/wire/names.ts';
import { Endpoint } from '../../hostile/support/endpoint.ts';
import { cutRecords } from '../../support/plain-records.ts';
import { splitMessages } from '../../support/raw-peer.ts';
import type { Heard } from '../support/peer.ts';
import { alteredBy, type MessageStep, type Step } from '../support/steps.ts';
import { type SaidRecord, Voice } from '../support/voice.ts';
import { compose } from './compose.ts';
import type { RecordKeys } from './crypto.ts';
import type { Scene } from './scenes.ts';
import { PeerState, unknownKeys } from './state.ts';

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
  /** What the victim seals with, once it has said change_cipher_spec. */
  #opener: RecordKeys | undefined;
  #isDeaf = false;
  #partial: Uint8Array = new Uint8Array(0);
  #outOfTurn = 0;
  readonly #opened: Heard[] = [];

  constructor({ peer, config }: Scene) {
    const state = new PeerState(peer);
    this.#state = state;
    this.#voice = new Voice((epoch) => (epoch === 'application' ? state.keys(peer.side) : unknownKeys()));
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
    if (!step.unhashed && message.name !== 'HelloRequest') state.messages.push(bytes);
    if (message.name === 'ClientKeyExchange' && state.theirs) state.exchanged(state.theirs.publicValue);
    this.#voice.message(bytes, step);
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
    for (const record of cutRecords(fresh)) if (!this.#isDeaf) this.#hear(record);
  }

  #hear(record: Uint8Array): void {
    const [type = 0] = record;
    if (!this.#opener && type === contentTypes.change_cipher_spec) {
      this.#opener = this.#state.keys(this.#state.setup.side === 'client' ? 'server' : 'client');
      return;
    }
    const content = this.#opener ? this.#opener.open(record) : record.subarray(5);
    if (!content) {
      this.#isDeaf = true;
      return;
    }
    if (this.#opener) this.#opened.push({ type, content });
    if (type !== contentTypes.handshake) return;
    const { messages, rest } = splitMessages(concatBytes(this.#partial, content));
    this.#partial = rest;
    for (const message of messages) this.#state.hear(message);
  }
}
