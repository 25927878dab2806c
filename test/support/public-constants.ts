import { toHex } from '../../src/base/bytes.ts';

/** What the key schedule starts from where there is no PSK, with SHA-256 (RFC 8448 §3): the same for everybody. */
const publicConstants: ReadonlySet<string> = new Set([
  // Transcript-Hash(""), Early Secret, and Derive-Secret(that one, "derived", "").
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a',
  '6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba',
]);

/** Whether `bytes` need not be wiped, as they are no secret. */
export function isPublicConstant(bytes: Uint8Array): boolean {
  return publicConstants.has(toHex(bytes));
}
