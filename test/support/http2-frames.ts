/** RFC 9113 §6 and §4.1: as much of it as tests that speak HTTP/2 by hand need. */
export const frameTypes = { data: 0, headers: 1, rstStream: 3, settings: 4, continuation: 9 } as const;
export const endStream = 0x1;
export const endHeaders = 0x4;

/** `:status: 200` (RFC 7541, Appendix A). */
export const okStatus: Buffer = Buffer.from([0x88]);
/** What a client begins with (§3.4), and settings behind it. */
export const preface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  /** Where it begins and ends. */
  readonly start: number;
  readonly end: number;
}

/** The frames that are there to their end. @param start of the first one: behind the preface, where there is one */
export function framesIn(bytes: Buffer, start = 0): Frame[] {
  const frames: Frame[] = [];
  for (let place = start; place + 9 <= bytes.length; ) {
    const end = place + 9 + bytes.readUIntBE(place, 3);
    if (end > bytes.length) break;
    const stream = bytes.readUInt32BE(place + 5) & 0x7fffffff;
    frames.push({ type: bytes[place + 3]!, flags: bytes[place + 4]!, stream, start: place, end });
    place = end;
  }
  return frames;
}
