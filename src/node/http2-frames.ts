/** Octets of what each frame begins with (RFC 9113 §4.1), and of what a client begins with (§3.4). */
const frameHeaderLength = 9;
const prefaceLength = 24;

/** RFC 9113 §6. */
const frameTypes = { data: 0, headers: 1, rstStream: 3 } as const;
const endStream = 0x1;

/**
 * Cuts what one side of HTTP/2 receives before each frame that may end a stream. Node's own TLS lets the program run
 * between one frame and the next, so that it can ask for a body that ends within the same record; whoever gives Node the
 * bytes from JavaScript has to leave it the time.
 */
export class FrameCutter {
  /** What is left of the frame that the last piece ended in; at first that of a client's preface. */
  #rest: number | undefined;
  /** The beginning of a frame whose kind is not known yet. */
  #head: Uint8Array = new Uint8Array(0);

  /** @returns pieces of all that has come, in order, but for a frame's header that is not there to its end */
  cut(received: Uint8Array): readonly Uint8Array[] {
    const bytes = this.#head.length === 0 ? received : Buffer.concat([this.#head, received]);
    // No frame of a server's begins so: it would be one of 5 MB.
    this.#rest ??= bytes[0] === 0x50 ? prefaceLength : 0;
    const pieces: Uint8Array[] = [];
    let start = 0;
    let place = this.#rest;
    while (place + frameHeaderLength <= bytes.length) {
      if (place > start && mayEnd(bytes, place)) {
        pieces.push(bytes.subarray(start, place));
        start = place;
      }
      place += frameHeaderLength + ((bytes[place]! << 16) | (bytes[place + 1]! << 8) | bytes[place + 2]!);
    }
    const end = Math.min(place, bytes.length);
    if (end > start) pieces.push(bytes.subarray(start, end));
    this.#head = bytes.slice(end);
    this.#rest = place - end;
    return pieces;
  }
}

function mayEnd(bytes: Uint8Array, place: number): boolean {
  const [type, flags] = [bytes[place + 3], bytes[place + 4]!];
  if (type === frameTypes.data || type === frameTypes.headers) return (flags & endStream) !== 0;
  return type === frameTypes.rstStream;
}
