import { noBytes, utf8 } from '../../../src/base/bytes.ts';
import {
  type Attack,
  all,
  as,
  changed,
  type Edit,
  extended,
  instead,
  unknown,
  without,
} from '../support/edits.ts';
import type { ClientSceneName } from '../support/scenes.ts';
import { type Message, say } from '../support/steps.ts';

const _data = utf8('some data');
const unexpected = 'unexpected_message';
const illegal = 'illegal_parameter';

const encrypted = (edit: (Message & { readonly name: 'EncryptedExtensions' })['edit']): Edit =>
  as({ name: 'EncryptedExtensions', ...(edit && { edit }) });
const request = (edit: (Message & { readonly name: 'CertificateRequest' })['edit']): Edit =>
  as({ name: 'CertificateRequest', ...(edit && { edit }) });

export const parameters: readonly Attack<ClientSceneName>[] = [
  [
    'EncryptedExtensions with early_data',
    '4.3.10',
    'resumed',
    encrypted(() => ({ early_data: true })),
    'unsupported_extension',
  ],
  [
    'EncryptedExtensions with an unknown extension',
    '4.3',
    'full',
    encrypted(() => ({ others: [unknown] })),
    'unsupported_extension',
  ],
  [
    'EncryptedExtensions with an extension of ServerHello',
    '4.3',
    'full',
    encrypted(() => ({ others: [{ code: 43, data: Uint8Array.of(3, 4) }] })),
    illegal,
  ],
  [
    'a protocol that was not offered',
    'RFC 7301 3.1',
    'full',
    encrypted(() => ({ application_layer_protocol_negotiation: 'spdy' })),
    illegal,
  ],
  [
    'certificate types that were not offered',
    'RFC 7250 4.2',
    'full',
    encrypted(() => ({ server_certificate_type: 2 })),
    'unsupported_extension',
  ],
  [
    'supported_groups in EncryptedExtensions',
    '4.3.7',
    'full',
    encrypted(() => ({ supported_groups: [0x1d] })),
    'end',
  ],
  ['record_size_limit 64', 'RFC 8449 4', 'requested', encrypted(() => ({ record_size_limit: 64 })), 'end'],
  [
    'CertificateRequest with a context',
    '4.4.2',
    'requested',
    request((fields) => ({ ...fields, context: Uint8Array.of(1) })),
    illegal,
  ],
  [
    'CertificateRequest without signature_algorithms',
    '4.4.2',
    'requested',
    request((fields) => ({ ...fields, extensions: {} })),
    'missing_extension',
  ],
  [
    'CertificateRequest with an unknown extension',
    '4.4.2',
    'requested',
    request(extended({ others: [unknown] })),
    'end',
  ],
  [
    'CertificateRequest for keys that the client does not have',
    '4.4.2',
    'requested',
    request((fields) => ({ ...fields, extensions: { signature_algorithms: [0x0804] } })),
    'end',
  ],
  [
    'CertificateRequest that the server forgets',
    '4.1',
    'requested',
    changed('CertificateRequest', { unhashed: true }),
    'decrypt_error',
  ],
  [
    'EncryptedExtensions that the server forgets',
    '4.1',
    'resumed',
    changed('EncryptedExtensions', { unhashed: true }),
    'decrypt_error',
  ],
];

const verify = (message: Omit<Message & { readonly name: 'CertificateVerify' }, 'name'>): Edit =>
  as({ name: 'CertificateVerify', ...message });
const finished = (message: Omit<Message & { readonly name: 'Finished' }, 'name'>): Edit =>
  as({ name: 'Finished', ...message });

export const proofs: readonly Attack<ClientSceneName>[] = [
  [
    "somebody else's certificate, with its key",
    '4.5.1',
    'full',
    all(as({ name: 'Certificate', of: 'other' }), verify({ of: 'other' })),
    'unknown_ca',
  ],
  [
    'no certificate in Certificate',
    '4.5.1',
    'full',
    as({ name: 'Certificate', of: 'nobody' }),
    'decode_error',
  ],
  [
    'no certificate in Certificate, and no CertificateVerify',
    '4.5.1',
    'full',
    all(as({ name: 'Certificate', of: 'nobody' }), without('CertificateVerify')),
    'decode_error',
  ],
  [
    'Certificate with a context',
    '4.5.1',
    'full',
    as({ name: 'Certificate', edit: (fields) => ({ ...fields, context: Uint8Array.of(1) }) }),
    illegal,
  ],
  [
    'Certificate with an extension that was not offered',
    '4.5.1',
    'full',
    as({
      name: 'Certificate',
      edit: (fields) => ({
        ...fields,
        entries: fields.entries.map((entry) => ({
          ...entry,
          extensions: { others: [{ code: 18, data: noBytes }] },
        })),
      }),
    }),
    'unsupported_extension',
  ],
  [
    'a compressed certificate that was not offered',
    'RFC 8879 3',
    'full',
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
    "nobody's certificate, compressed",
    'RFC 8879 5',
    'compressed',
    as({ name: 'CompressedCertificate', of: 'nobody' }),
    'decode_error',
  ],
  [
    'a plain certificate where a compressed one was offered',
    'RFC 8879 3',
    'compressed',
    instead('CompressedCertificate', say({ name: 'Certificate' })),
    'end',
  ],
  ["a signature of somebody else's key", '4.5.2', 'full', verify({ of: 'other' }), 'decrypt_error'],
  [
    "a signature with the client's context string",
    '4.5.2',
    'full',
    verify({ side: 'client' }),
    'decrypt_error',
  ],
  ['a signature over nothing', '4.5.2', 'full', verify({ over: 'nothing' }), 'decrypt_error'],
  ['a signature over all but Certificate', '4.5.2', 'full', verify({ over: 'allButLast' }), 'decrypt_error'],
  [
    'a signature with one bit changed',
    '4.5.2',
    'full',
    changed('CertificateVerify', { flip: { at: -1, xor: 1 } }),
    'decrypt_error',
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
    'full',
    verify({ algorithm: 0x0403 }),
    illegal,
  ],
  ['PKCS#1 v1.5', '4.3.3', 'rsa', verify({ algorithm: 0x0401 }), illegal],
  ["Finished with the client's secret", '4.5.3', 'full', finished({ side: 'client' }), 'decrypt_error'],
  ['Finished over nothing', '4.5.3', 'full', finished({ over: 'nothing' }), 'decrypt_error'],
  [
    'Finished over all but CertificateVerify',
    '4.5.3',
    'full',
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
  ['Finished that is too short', '4.5.3', 'full', finished({ length: 31 }), 'decode_error'],
  ['an empty Finished', '4.5.3', 'full', finished({ length: 0 }), 'decode_error'],
  ['Finished that is too long', '4.5.3', 'full', finished({ length: 33 }), 'decode_error'],
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
    'a certificate where only raw public keys are taken',
    'RFC 7250 4.2',
    'rawPublicKey',
    encrypted(() => ({})),
    'unsupported_certificate',
  ],
  [
    'X.509 named where only raw public keys were offered',
    'RFC 7250 4.2',
    'rawPublicKey',
    encrypted(() => ({ server_certificate_type: 0 })),
    illegal,
  ],
  [
    'a certificate type of nobody',
    'RFC 7250 4.2',
    'rawPublicKey',
    encrypted(() => ({ server_certificate_type: 1 })),
    illegal,
  ],
  [
    'a raw public key where it was not offered',
    'RFC 7250 4.2',
    'full',
    encrypted(() => ({ server_certificate_type: 2 })),
    'unsupported_extension',
  ],
];
