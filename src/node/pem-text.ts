/** What `node:tls` takes PEM in: text, or any view of its bytes. */
export type PemSource = string | ArrayBufferView;

/** Text of PEM, which has no other characters than those of one byte. */
export function pemText(source: PemSource): string {
  if (typeof source === 'string') return source;
  return Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString('latin1');
}
