/** Octets of what each frame begins with (RFC 9113 §4.1), and of what a client begins with (§3.4). */
const frameHeaderLength = 9;
const prefaceLength = 24;

/** RFC 9113 §6. */
const frameTypes = { data: 0, headers: 1, rstStream: 3, continuation: 9 } as const;
const endStream = 0x1;

/**
 * Cuts what one side of HTTP/2 receives before each frame that may end a stream of which the program has not heard yet.
 * Node's own TLS lets the program run between one frame and the next, so that it can ask for a body that ends within the
 * same record; whoever gives Node the bytes from JavaScript has to leave it the time.
 */
export class FrameCutter {
  /** What is left of the frame that the last piece ended in; at first that of a client's preface. */
  #rest: number | undefined;
  /** The beginning of a frame whose kind is not known yet. */
  #head: Uint8Array = new Uint8Array(0);
  /** The stream of headers that are not there to their end. */
  #coming: number | undefined;
  /** Streams whose headers came since the program has run last. */
  readonly #begun = new Set<number>();

  /** Whether there are streams of which the program has not heard yet. */
  get hasBegun(): boolean {
    return this.#begun.size > 0;
  }

  /** The program has run, behind all that was cut. */
  turn(): void {
    this.#begun.clear();
  }

  /**
   * @returns pieces of all that has come, in order, but for a frame's header that is not there to its end. The first one,
   *   which may be empty, can be given with what went before it; each of the others when the program has run again
   */
  cut(received: Uint8Array): readonly [Uint8Array, ...Uint8Array[]] {
    const bytes = this.#head.length === 0 ? received : Buffer.concat([this.#head, received]);
    // No frame of a server's begins so: it would be one of 5 MB.
    this.#rest ??= bytes[0] === 0x50 ? prefaceLength : 0;
    const places: number[] = [];
    let place = this.#rest;
    this.#note(place, bytes.length);
    while (place + frameHeaderLength <= bytes.length) {
      if (this.#mustWait(bytes, place)) {
        places.push(place);
        this.turn();
      }
      if (isOfHeaders(bytes, place)) this.#coming = streamOf(bytes, place);
      place += frameHeaderLength + ((bytes[place]! << 16) | (bytes[place + 1]! << 8) | bytes[place + 2]!);
      this.#note(place, bytes.length);
    }
    const end = Math.min(place, bytes.length);
    this.#head = bytes.slice(end);
    this.#rest = place - end;
    const others = places.map((start, i) => bytes.subarray(start, places[i + 1] ?? end));
    return [bytes.subarray(0, places[0] ?? end), ...others];
  }

  /** Headers are heard of when their frame has ended, at `place`. */
  #note(place: number, length: number): void {
    if (this.#coming === undefined || place > length) return;
    this.#begun.add(this.#coming);
    this.#coming = undefined;
  }

  /** A stream that was pushed (of an even number, §5.1.1) begins with another one's frame. */
  #mustWait(bytes: Uint8Array, place: number): boolean {
    if (!mayEnd(bytes, place)) return false;
    const stream = streamOf(bytes, place);
    return stream % 2 === 0 || this.#begun.has(stream);
  }
}

/** §4.1: 31 bits. */
function streamOf(bytes: Uint8Array, place: number): number {
  const [a, b, c, d] = bytes.subarray(place + 5, place + frameHeaderLength);
  return ((a! & 0x7f) << 24) | (b! << 16) | (c! << 8) | d!;
}

function isOfHeaders(bytes: Uint8Array, place: number): boolean {
  const type = bytes[place + 3];
  return type === frameTypes.headers || type === frameTypes.continuation;
}

function mayEnd(bytes: Uint8Array, place: number): boolean {
  const [type, flags] = [bytes[place + 3], bytes[place + 4]!];
  if (type === frameTypes.data || type === frameTypes.headers) return (flags & endStream) !== 0;
  return type === frameTypes.rstStream;
}
