import { noBytes } from '../../../src/base/bytes.ts';
import { type Attack, all, as, changed, type Edit, instead, unknown, without } from '../support/edits.ts';
import type { ServerSceneName } from '../support/scenes.ts';
import { type CertificateVerifyMessage, type FinishedMessage, say } from '../support/steps.ts';

const unexpected = 'unexpected_message';
const illegal = 'illegal_parameter';

const verify = (message: Omit<CertificateVerifyMessage, 'name'>): Edit =>
  as({ name: 'CertificateVerify', ...message });
const finished = (message: Omit<FinishedMessage, 'name'>): Edit => as({ name: 'Finished', ...message });

export const proofs: readonly Attack<ServerSceneName>[] = [
  [
    "somebody else's certificate, with its key",
    '4.5.1',
    'required',
    all(as({ name: 'Certificate', of: 'other' }), verify({ of: 'other' })),
    'unknown_ca',
  ],
  [
    "somebody else's certificate, though it need not be any",
    '4.5.1',
    'optional',
    all(as({ name: 'Certificate', of: 'other' }), verify({ of: 'other' })),
    'unknown_ca',
  ],
  [
    'Certificate with a context',
    '4.5.1',
    'required',
    as({ name: 'Certificate', edit: (fields) => ({ ...fields, context: Uint8Array.of(1) }) }),
    illegal,
  ],
  [
    'an empty Certificate with a context',
    '4.5.1',
    'optionalFromNobody',
    as({ name: 'Certificate', edit: () => ({ context: Uint8Array.of(1), entries: [] }) }),
    illegal,
  ],
  [
    'Certificate with an extension that was not asked for',
    '4.5.1',
    'required',
    as({
      name: 'Certificate',
      edit: (fields) => ({
        ...fields,
        entries: fields.entries.map((entry) => ({ ...entry, extensions: { others: [unknown] } })),
      }),
    }),
    'unsupported_extension',
  ],
  [
    'a compressed certificate that was not asked for',
    'RFC 8879 3',
    'required',
    instead('Certificate', say({ name: 'CompressedCertificate' })),
    unexpected,
  ],
  [
    'compressed with an algorithm that was not offered',
    'RFC 8879 4',
    'compressed',
    as({ name: 'CompressedCertificate', algorithm: 2 }),
    illegal,
  ],
  [
    'a compressed certificate that is none',
    'RFC 8879 4',
    'compressed',
    as({ name: 'CompressedCertificate', corrupt: true }),
    'bad_certificate',
  ],
  [
    'a plain certificate where a compressed one was allowed',
    'RFC 8879 3',
    'compressed',
    instead('CompressedCertificate', say({ name: 'Certificate' })),
    'end',
  ],
  ["a signature of somebody else's key", '4.5.2', 'required', verify({ of: 'other' }), 'decrypt_error'],
  [
    "a signature of somebody else's key, though it need not be any",
    '4.5.2',
    'optional',
    verify({ of: 'other' }),
    'decrypt_error',
  ],
  [
    "a signature with the server's context string",
    '4.5.2',
    'required',
    verify({ side: 'server' }),
    'decrypt_error',
  ],
  ['a signature over nothing', '4.5.2', 'required', verify({ over: 'nothing' }), 'decrypt_error'],
  [
    'a signature over all but Certificate',
    '4.5.2',
    'required',
    verify({ over: 'allButLast' }),
    'decrypt_error',
  ],
  [
    'a signature with one bit changed',
    '4.5.2',
    'required',
    changed('CertificateVerify', { flip: { at: -1, xor: 1 } }),
    'decrypt_error',
  ],
  [
    "the server's own CertificateVerify",
    '4.5.2',
    'required',
    instead('CertificateVerify', say({ name: 'Other', type: 15, body: Uint8Array.of(8, 7, 0, 0) })),
    'decrypt_error',
  ],
  [
    'a CertificateVerify that ends early',
    '4.5.2',
    'required',
    instead('CertificateVerify', say({ name: 'Other', type: 15, body: noBytes })),
    'decode_error',
  ],
  [
    'a scheme that was not offered, though it fits the key',
    '4.5.2',
    'rsa',
    verify({ scheme: 'rsa_pss_rsae_sha512' }),
    illegal,
  ],
  [
    'a scheme that was offered, but does not fit the key',
    '4.5.2',
    'required',
    verify({ algorithm: 0x0403 }),
    illegal,
  ],
  ["Finished with the server's secret", '4.5.3', 'full', finished({ side: 'server' }), 'decrypt_error'],
  ['Finished over nothing', '4.5.3', 'full', finished({ over: 'nothing' }), 'decrypt_error'],
  ["Finished over all but the server's", '4.5.3', 'full', finished({ over: 'allButLast' }), 'decrypt_error'],
  [
    'Finished over all but CertificateVerify',
    '4.5.3',
    'required',
    finished({ over: 'allButLast' }),
    'decrypt_error',
  ],
  [
    'Finished with one bit changed',
    '4.5.3',
    'full',
    changed('Finished', { flip: { at: -1, xor: 1 } }),
    'decrypt_error',
  ],
  [
    'Finished with one bit changed in a resumption',
    '4.5.3',
    'resumed',
    changed('Finished', { flip: { at: 4, xor: 128 } }),
    'decrypt_error',
  ],
  ['an empty Finished', '4.5.3', 'full', finished({ length: 0 }), 'decode_error'],
  ['Finished that is too short', '4.5.3', 'full', finished({ length: 31 }), 'decode_error'],
  ['Finished that is too long', '4.5.3', 'full', finished({ length: 33 }), 'decode_error'],
  [
    'Certificate that the client forgets',
    '4.1',
    'required',
    changed('Certificate', { unhashed: true }),
    'decrypt_error',
  ],
  [
    "somebody else's raw public key",
    'RFC 7250 4.4',
    'rawPublicKey',
    all(as({ name: 'Certificate', of: 'other' }), verify({ of: 'other' })),
    'unknown_ca',
  ],
  [
    "a raw public key, and somebody else's signature",
    '4.5.2',
    'rawPublicKey',
    verify({ of: 'other' }),
    'decrypt_error',
  ],
  [
    'a raw public key without CertificateVerify',
    '4.5.2',
    'rawPublicKey',
    without('CertificateVerify'),
    unexpected,
  ],
  [
    'two raw public keys',
    '4.5.1',
    'rawPublicKey',
    as({
      name: 'Certificate',
      edit: ({ context, entries }) => ({ context, entries: [...entries, ...entries] }),
    }),
    illegal,
  ],
  [
    'no raw public key, though required',
    '4.5.1',
    'rawPublicKey',
    all(as({ name: 'Certificate', of: 'nobody' }), without('CertificateVerify')),
    'certificate_required',
  ],
];
