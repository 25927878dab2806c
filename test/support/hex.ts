/** The bytes of hexadecimal text, in which white space does not count. */
export function fromHex(text: string): Uint8Array {
  const compact = text.replace(/\s+/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(compact)) throw new Error('not hexadecimal');
  return new Uint8Array(Buffer.from(compact, 'hex'));
}
