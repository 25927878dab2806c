/** Whether `bytes` is a plain Uint8Array whose ArrayBuffer holds nothing else: no Buffer, no slice of a pool. */
export function ownArray(bytes: Uint8Array): boolean {
  return Object.getPrototypeOf(bytes) === Uint8Array.prototype && bytes.length === bytes.buffer.byteLength;
}
