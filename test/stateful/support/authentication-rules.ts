import { X509Certificate } from 'node:crypto';
import type { AlertName } from '../../../src/base/alerts.ts';
import { equalBytes } from '../../../src/base/bytes.ts';
import { maxMessageSizes } from '../../../src/base/limits.ts';
import { nodeCrypto } from '../../../src/crypto/node/provider.ts';
import type { PublicKey } from '../../../src/crypto/provider.ts';
import { nextTrafficSecret } from '../../../src/keys/key-schedule.ts';
import { decodeCompressedCertificate } from '../../../src/wire/compressed-certificate.ts';
import type { KeyShareEntry } from '../../../src/wire/extension-codecs.ts';
import {
  decodeCertificate,
  decodeCertificateVerify,
  decodeFinished,
  decodeKeyUpdate,
} from '../../../src/wire/messages.ts';
import {
  certificateCompressionCodes,
  namedGroupCodes,
  nameOf,
  signatureSchemeCodes,
  handshakeTypes as types,
} from '../../../src/wire/names.ts';
import { Faults, type Heard, Refusal, type Rules } from './model.ts';
import { type Messages, type Schedule, signedContent } from './schedule.ts';
import type { Side } from './steps.ts';

/** What a side may show, and in which ways. */
export interface AuthenticationSetup {
  readonly signer: Side;
  /** Code points of the signature schemes that were offered. */
  readonly schemes: readonly number[];
  /** Of the algorithms for certificates that were offered. */
  readonly compression: readonly number[];
  readonly trusted: Uint8Array;
  /** What is trusted is a SubjectPublicKeyInfo by itself (RFC 7250). */
  readonly isRaw: boolean;
  /** A certificate that can be read, and is not trusted. */
  readonly other: Uint8Array | undefined;
}

/** Certificate and CertificateVerify (RFC 9846 §4.5.1, §4.5.2, RFC 8879). */
export class Authentication {
  readonly #setup: AuthenticationSetup;
  #presented: readonly Uint8Array[] = [];
  #proven: readonly Uint8Array[] = [];

  constructor(setup: AuthenticationSetup) {
    this.#setup = setup;
  }

  /** The messages that a certificate may come in. */
  get messages(): readonly number[] {
    return this.#setup.compression.length > 0
      ? [types.certificate, types.compressed_certificate]
      : [types.certificate];
  }

  /** The chain whose key has signed the transcript; empty where none has. */
  get chain(): readonly Uint8Array[] {
    return this.#setup.isRaw ? [] : this.#proven;
  }

  /** The key that has signed the transcript, where it stands for itself. */
  get rawPublicKey(): Uint8Array | undefined {
    return this.#setup.isRaw ? this.#proven[0] : undefined;
  }

  /**
   * @param whenEmpty the alert where nobody is shown; `allowed`: that will do
   * @returns whether a CertificateVerify has to follow
   */
  certificate(message: Heard, whenEmpty: AlertName | 'allowed'): boolean {
    const faults = new Faults();
    const body = message.type === types.certificate ? message.body : this.#decompress(message.body, faults);
    const { context, entries } = faults.parse(() => decodeCertificate(body));
    faults.require(context.length === 0, 'illegal_parameter');
    for (const { extensions } of entries)
      faults.require((extensions.order ?? []).length === 0, 'unsupported_extension');
    const [leaf] = entries;
    if (!leaf) {
      if (whenEmpty !== 'allowed') faults.require(false, whenEmpty);
      faults.settle();
      return false;
    }
    const { trusted, other, isRaw } = this.#setup;
    faults.require(!isRaw || entries.length === 1, 'illegal_parameter');
    if (other && equalBytes(leaf.certificate, other)) faults.require(false, 'unknown_ca');
    else if (!equalBytes(leaf.certificate, trusted))
      faults.require(false, 'unknown_ca', 'bad_certificate', 'unsupported_certificate');
    faults.settle();
    this.#presented = entries.map(({ certificate }) => certificate);
    return true;
  }

  verify({ body }: Heard, transcriptHash: Uint8Array): void {
    const faults = new Faults();
    const { algorithm, signature } = faults.parse(() => decodeCertificateVerify(body));
    const { schemes, signer, trusted, isRaw } = this.#setup;
    const scheme = nameOf(signatureSchemeCodes, algorithm);
    const key = keyOf(trusted, isRaw);
    const fits = key.schemes.find((one) => one === scheme);
    faults.require(schemes.includes(algorithm) && fits !== undefined, 'illegal_parameter');
    faults.settle();
    const content = signedContent(signer, transcriptHash);
    faults.require(fits !== undefined && key.verify(fits, content, signature), 'decrypt_error');
    faults.settle();
    this.#proven = this.#presented;
  }

  #decompress(body: Uint8Array, faults: Faults): Uint8Array {
    const { algorithm, uncompressedLength, compressed } = faults.parse(() =>
      decodeCompressedCertificate(body),
    );
    if (!this.#setup.compression.includes(algorithm)) throw new Refusal(['illegal_parameter']);
    if (uncompressedLength > (maxMessageSizes[types.certificate] ?? 0))
      throw new Refusal(['bad_certificate']);
    const name = nameOf(certificateCompressionCodes, algorithm);
    const plain = name && nodeCrypto.compressors[name]?.decompress(compressed, uncompressedLength);
    if (!plain) throw new Refusal(['bad_certificate']);
    return plain;
  }
}

/** @throws Refusal where the MAC is not the one of this secret over this transcript (RFC 9846 §4.5.3) */
export function requireFinished(
  { body, endsRecord }: Heard,
  schedule: Schedule,
  secret: Uint8Array,
  transcript: Messages,
): void {
  const faults = new Faults();
  faults.require(endsRecord, 'unexpected_message');
  const data = faults.parse(() => decodeFinished(body, schedule.suite.hashLength));
  const expected = schedule.verifyData(secret, transcript.digest(schedule.suite.hash));
  faults.require(equalBytes(data, expected), 'decrypt_error');
  faults.settle();
}

/** Whether it is a public value of its group at all: what groups are is not this model's business. */
export function isValidShare({ group, keyExchange }: KeyShareEntry): boolean {
  const name = nameOf(namedGroupCodes, group);
  return name !== undefined && nodeCrypto.respondToKeyExchange(name, keyExchange) !== undefined;
}

/** DESIGN.md bounds them. */
const maxInARow = 32;

/** KeyUpdates (RFC 9846 §4.7.3). */
export class KeyUpdates {
  #count = 0;

  next(
    reading: Rules['reading'],
    schedule: Schedule | undefined,
    body: Uint8Array,
    endsRecord: boolean,
  ): Rules['reading'] {
    const faults = new Faults();
    faults.require(endsRecord, 'unexpected_message');
    faults.parse(() => decodeKeyUpdate(body));
    this.#count += 1;
    faults.require(this.#count <= maxInARow, 'unexpected_message');
    faults.settle();
    if (!schedule || !reading || reading.secret === 'lost') throw new Error('there are no keys to update');
    const secret = nextTrafficSecret(nodeCrypto, schedule.suite.hash, reading.secret);
    return { secret, isApplication: true };
  }
}

const keys = new Map<string, PublicKey>();

function keyOf(certificate: Uint8Array, isRaw: boolean): PublicKey {
  const id = Buffer.from(certificate).toString('latin1');
  let key = keys.get(id);
  if (!key) {
    key = nodeCrypto.importPublicKey(isRaw ? certificate : publicKeyIn(certificate));
    if (!key) throw new Error('the trusted certificate has no key');
    keys.set(id, key);
  }
  return key;
}

/** The DER SubjectPublicKeyInfo of a certificate. */
export function publicKeyIn(certificate: Uint8Array): Uint8Array {
  return new Uint8Array(new X509Certificate(certificate).publicKey.export({ format: 'der', type: 'spki' }));
}
