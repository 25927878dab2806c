const encoder = new TextEncoder();

/** The empty array; never written to. */
export const noBytes: Uint8Array = new Uint8Array(0);

/** `parts` joined into one array of its own. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** A copy in an array of its own. What callers pass may be a Buffer of Node's, whose `slice` copies nothing. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** Whether two arrays hold the same bytes. Takes as long as they agree: for public values only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * A number by which to look bytes up in a Map, far sooner than by a text of them (FNV-1a). Others may have the same one,
 * also on purpose: what is found must be compared.
 */
export function lookupKey(bytes: Uint8Array): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}

/** @param text hexadecimal, two digits for each byte */
export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += hexOfBytes[byte];
  return text;
}

const hexOfBytes: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);

/** UTF-8. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Overwrites secrets where JavaScript allows it. */
export function wipe(...secrets: readonly (Uint8Array | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0);
}
