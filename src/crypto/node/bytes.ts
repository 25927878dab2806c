/**
 * What node:crypto returned as a plain array whose ArrayBuffer holds nothing else. Node gives results of their own
 * memory today, which costs nothing then; a slice of its shared pool is copied and wiped.
 */
export function plainBytes(result: Buffer): Uint8Array {
  if (result.length === result.buffer.byteLength) return new Uint8Array(result.buffer);
  const copy = new Uint8Array(result);
  result.fill(0);
  return copy;
}
