import { pieceLength } from './byte-queue.ts';
import { Queue } from './queue.ts';
import { type RawSocket, systemError } from './raw-socket.ts';

/** How bytes travel in one direction. */
export interface PipeOptions {
  /** Bytes that are accepted before anybody has read them; 0: a write is accepted only by a read that is waiting. */
  readonly capacity: number;
  /** How long the next piece is. */
  readonly nextLength?: (() => number) | undefined;
  /** Calls what it is given once, at once or later, in order. */
  readonly carry?: ((deliver: () => void) => void) | undefined;
}

/** One direction. */
class Pipe {
  readonly capacity: number;
  readonly nextLength: () => number;
  readonly carry: (deliver: () => void) => void;
  /** What a reader may have: a piece for each read. */
  readonly arrived = new Queue<Uint8Array>();
  /** Bytes accepted and not read yet. */
  load = 0;
  isAwaited = false;
  isEnded = false;
  /** The writer is gone without an end. */
  isReset = false;
  /** The reader is gone. */
  isRefused = false;

  constructor({ capacity, nextLength, carry }: PipeOptions) {
    this.capacity = capacity;
    this.nextLength = nextLength ?? (() => pieceLength);
    this.carry = carry ?? ((deliver) => deliver());
  }

  get room(): number {
    if (this.capacity === 0) return this.isAwaited ? Number.POSITIVE_INFINITY : 0;
    return this.capacity - this.load;
  }
}

/** One end of a connection that is two pipes: what is written arrives, a reset comes behind what arrived before. */
export class PipeSocket implements RawSocket {
  onChange: () => void = () => {};

  readonly #input: Pipe;
  readonly #output: Pipe;
  #peer: PipeSocket = this;
  #isShut = false;

  /** The two ends of one connection, which differ in nothing. */
  static pair(first: PipeOptions, second: PipeOptions = first): [PipeSocket, PipeSocket] {
    const there = new Pipe(first);
    const back = new Pipe(second);
    const ends: [PipeSocket, PipeSocket] = [new PipeSocket(back, there), new PipeSocket(there, back)];
    ends[0].#peer = ends[1];
    ends[1].#peer = ends[0];
    return ends;
  }

  private constructor(input: Pipe, output: Pipe) {
    this.#input = input;
    this.#output = output;
  }

  write(bytes: Uint8Array): number {
    const output = this.#output;
    if (output.isRefused || output.isReset || this.#isShut) throw systemError('EPIPE');
    const count = Math.min(bytes.length, output.room);
    for (let offset = 0; offset < count; ) {
      const piece = bytes.slice(offset, Math.min(count, offset + output.nextLength()));
      offset += piece.length;
      output.load += piece.length;
      output.isAwaited = false;
      this.#send(() => output.arrived.push(piece));
    }
    return count;
  }

  read(limit: number = pieceLength): Uint8Array | null | undefined {
    const input = this.#input;
    if (input.arrived.length === 0 && !input.isEnded && !input.isReset && !input.isAwaited) {
      input.isAwaited = true;
      if (input.capacity === 0) this.#peer.onChange();
    }
    const piece = input.arrived.first;
    if (piece === undefined) {
      if (input.isEnded) return null;
      if (input.isReset) throw systemError('ECONNRESET');
      return undefined;
    }
    if (piece.length > limit) input.arrived.replaceFirst(piece.slice(limit));
    else input.arrived.take();
    const bytes = piece.length > limit ? piece.slice(0, limit) : piece;
    input.load -= bytes.length;
    if (input.capacity > 0) this.#peer.onChange();
    return bytes;
  }

  cancelRead(): void {
    this.#input.isAwaited = false;
  }

  shutdown(): void {
    if (this.#input.isReset) throw systemError('ENOTCONN');
    this.#isShut = true;
    const output = this.#output;
    this.#send(() => {
      output.isEnded = true;
    });
  }

  close(): void {
    if (!this.#isShut && !this.#input.isReset) this.shutdown();
    const input = this.#input;
    this.#send(() => {
      input.isRefused = true;
    });
  }

  reset(): void {
    const [input, output] = [this.#input, this.#output];
    this.#send(() => {
      output.isReset = true;
      input.isRefused = true;
    });
  }

  #send(arrive: () => void): void {
    this.#output.carry(() => {
      arrive();
      this.#peer.onChange();
    });
  }
}
