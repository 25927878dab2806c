import { concatBytes, noBytes } from '../../../src/base/bytes.ts';
import { contentTypes } from '../../../src/wire/names.ts';
import { plaintextRecord } from '../../support/raw-peer.ts';
import type { Framing, Protection, RecordStep } from './steps.ts';

/** A record as it was made: what the model judges by. */
export interface SaidRecord {
  /** The content type: outside where it is in the clear, inside where it is sealed. */
  readonly type: number;
  readonly content: Uint8Array;
  readonly padding: number;
  readonly seal: Seal | undefined;
}

/** What a record is sealed with. */
export interface Seal {
  readonly secret: Uint8Array;
  readonly sequence: number;
}

/** One generation of a peer's write keys. */
export interface Epoch {
  /** The traffic secret; in TLS 1.2 the key. */
  readonly secret: Uint8Array;
  /** How many records it has sealed. */
  readonly recordsSealed: number;
  /** One record, in parts. */
  seal(type: number, content: Uint8Array, padding: number): readonly Uint8Array[];
  /** The one behind a KeyUpdate. */
  next(): Epoch;
}

/** Makes the keys that a peer has for its own direction, as things stand; `unknown` are keys that nobody has. */
export type EpochSource = (epoch: Exclude<Protection, 'plaintext'>) => Epoch;

/** The sending record layer of a peer: any content under any keys, and a log of it. */
export class Voice {
  readonly said: SaidRecord[] = [];
  readonly #make: EpochSource;
  readonly #epochs = new Map<Protection, Epoch>();
  #current: Protection = 'plaintext';
  #waiting: Uint8Array[] = [];
  #held: Uint8Array = noBytes;
  #heldAs: Framing = {};
  #updatesBehindHeld = false;

  constructor(make: EpochSource) {
    this.#make = make;
  }

  /** The records that were not taken yet. */
  take(): readonly Uint8Array[] {
    this.#release();
    return this.#waiting.splice(0);
  }

  /** Derives the keys of an epoch as things stand now, and goes over to them. */
  install(epoch: 'handshake' | 'application'): void {
    if (this.#heldAs.joined !== 'acrossKeys') this.#release();
    this.#epochs.set(epoch, this.#make(epoch));
    this.#current = epoch;
  }

  /** What comes behind a KeyUpdate, and behind what shares its record. */
  updateKeys(): void {
    if (this.#held.length > 0) {
      this.#updatesBehindHeld = true;
      return;
    }
    if (this.#current === 'plaintext') return;
    this.#epochs.set(this.#current, this.#epoch(this.#current).next());
  }

  record({ type, content, padding = 0, under = this.#current }: RecordStep): void {
    this.#release();
    this.#write(contentTypes[type], content, padding, under);
  }

  /** A handshake message, or part of one. */
  message(bytes: Uint8Array, framing: Framing): void {
    if (this.#heldAs.under !== framing.under) this.#release();
    let rest: Uint8Array = concatBytes(this.#held, bytes);
    let interlude = framing.interlude;
    let extra = this.#held.length;
    this.#held = noBytes;
    this.#heldAs = {};
    for (const length of framing.pieces ?? []) {
      if (length <= 0 || length + extra >= rest.length) continue;
      this.#writeMessage(rest.subarray(0, length + extra), framing);
      if (interlude) this.record(interlude);
      interlude = undefined;
      rest = rest.subarray(length + extra);
      extra = 0;
    }
    if (framing.joined) {
      this.#held = rest;
      this.#heldAs = framing;
    } else {
      this.#writeMessage(rest, framing);
    }
  }

  #release(): void {
    const { length } = this.#held;
    if (length === 0) return;
    const held = this.#held;
    const framing = this.#heldAs;
    this.#held = noBytes;
    this.#heldAs = {};
    this.#writeMessage(held, framing);
  }

  #writeMessage(content: Uint8Array, { padding = 0, under = this.#current }: Framing): void {
    this.#write(contentTypes.handshake, content, padding, under);
    if (!this.#updatesBehindHeld || this.#held.length > 0) return;
    this.#updatesBehindHeld = false;
    this.updateKeys();
  }

  #write(type: number, content: Uint8Array, padding: number, under: Protection): void {
    if (under === 'plaintext') {
      this.said.push({ type, content, padding: 0, seal: undefined });
      this.#waiting.push(plaintextRecord(type, content));
      return;
    }
    const epoch = this.#epoch(under);
    this.said.push({
      type,
      content,
      padding,
      seal: { secret: epoch.secret, sequence: epoch.recordsSealed },
    });
    this.#waiting.push(...epoch.seal(type, content, padding));
  }

  #epoch(protection: Exclude<Protection, 'plaintext'>): Epoch {
    const epoch = this.#epochs.get(protection) ?? this.#make(protection);
    this.#epochs.set(protection, epoch);
    return epoch;
  }
}
