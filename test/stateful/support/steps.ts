import type { ClientHello, HelloRetryRequest, ServerHello } from '../../../src/wire/hello.ts';
import type {
  Certificate,
  CertificateRequest,
  EncryptedExtensions,
  NewSessionTicket,
} from '../../../src/wire/messages.ts';
import type { contentTypes, Tls13CipherSuiteName } from '../../../src/wire/names.ts';
import type { Tls12Message } from '../tls12/messages.ts';

/*
 * What a peer does, as data: an honest handshake is a list of steps, a deviating one the same list with some of them
 * changed. A message is made only when its step is played, from all that was really said and heard before it, so
 * that whatever follows from a change follows in what comes later too.
 */

/** The keys that a record is sealed under; `unknown` are keys that nobody has. */
export type Protection = 'plaintext' | 'handshake' | 'application' | 'unknown';

export type RecordType = keyof typeof contentTypes;

/** A record that is no part of a handshake message. */
export interface RecordStep {
  readonly kind: 'record';
  readonly type: RecordType;
  readonly content: Uint8Array;
  readonly padding?: number;
  /** Not the keys that are due. */
  readonly under?: Protection;
}

/** How the bytes of a message come into records. */
export interface Framing {
  /** Not the keys that are due. */
  readonly under?: Protection;
  /** Lengths of pieces that have a record each; the rest goes into another one. */
  readonly pieces?: readonly number[];
  /** Comes between the first piece and the next one. */
  readonly interlude?: RecordStep;
  /** Shares its last record with the next message; `acrossKeys`: also where other keys come between them. */
  readonly joined?: 'alone' | 'acrossKeys';
  readonly padding?: number;
}

/** A handshake message. */
export interface MessageStep extends Framing {
  readonly kind: 'message';
  readonly message: Message;
  /** One byte changed before it is sealed and hashed: `at` counts from the end where it is negative. */
  readonly flip?: { readonly at: number; readonly xor: number };
  /** Put behind its body, and counted by its header. */
  readonly extra?: Uint8Array;
  /** The peer's own transcript goes on without it. */
  readonly unhashed?: boolean;
}

export type Step =
  | MessageStep
  | RecordStep
  /** From here on the peer writes under these keys. */
  | { readonly kind: 'keys'; readonly epoch: 'handshake' | 'application' }
  /** The victim gets what was said, and its answer is heard. */
  | { readonly kind: 'turn' };

export type Side = 'client' | 'server';

export type Edit<Fields> = (fields: Fields) => Fields;

/** A message to be made. What is not said here is as an honest peer would have it. */
export type Message = Tls13Message | Tls12Message;

export type Tls13Message =
  | ClientHelloMessage
  | ServerHelloMessage
  | {
      readonly name: 'HelloRetryRequest';
      readonly suite?: Tls13CipherSuiteName;
      readonly edit?: Edit<HelloRetryRequest>;
    }
  | { readonly name: 'EncryptedExtensions'; readonly edit?: Edit<EncryptedExtensions> }
  | { readonly name: 'CertificateRequest'; readonly edit?: Edit<CertificateRequest> }
  | CertificateMessage
  | CertificateVerifyMessage
  | FinishedMessage
  | { readonly name: 'NewSessionTicket'; readonly edit?: Edit<NewSessionTicket> }
  | { readonly name: 'KeyUpdate'; readonly value?: number }
  /** The last handshake message of the victim, sent back. */
  | { readonly name: 'Echo' }
  /** Of any type, with any body. */
  | { readonly name: 'Other'; readonly type: number; readonly body: Uint8Array };

export type MessageName = Message['name'];

export interface ClientHelloMessage {
  readonly name: 'ClientHello';
  /** Ahead of the binders, which cover what comes of it. */
  readonly edit?: Edit<ClientHello>;
  /** What the binders are made with. */
  readonly binder?: 'right' | 'otherKey' | 'otherHash';
  /** These bytes, whatever they say: recorded from another connection. */
  readonly recorded?: Uint8Array;
}

export interface ServerHelloMessage {
  readonly name: 'ServerHello';
  readonly suite?: Tls13CipherSuiteName;
  /** The code of the group; another one than the client has a share of is answered with a share alone. */
  readonly group?: number;
  /** Selects a PSK, offered or not. */
  readonly psk?: number | 'none';
  readonly edit?: Edit<ServerHello>;
}

export interface CertificateMessage {
  readonly name: 'Certificate' | 'CompressedCertificate';
  /** Whose certificate: the peer's own, somebody else's, or nobody's. */
  readonly of?: 'own' | 'other' | 'nobody';
  readonly edit?: Edit<Certificate>;
  /** The algorithm of a compressed one; with `corrupt`, what it calls a stream is none. */
  readonly algorithm?: number;
  readonly corrupt?: boolean;
}

export interface CertificateVerifyMessage {
  readonly name: 'CertificateVerify';
  /** Whose key signs. */
  readonly of?: 'own' | 'other';
  /** Which side's context string is signed. */
  readonly side?: Side;
  /** The code that it is sent with, whatever the signature is. */
  readonly algorithm?: number;
  /** What is signed: all that was said until now, nothing, or all but the last message. */
  readonly over?: 'transcript' | 'nothing' | 'allButLast';
  /** Signs with this scheme of its key. */
  readonly scheme?: 'rsa_pss_rsae_sha256' | 'rsa_pss_rsae_sha512';
}

export interface FinishedMessage {
  readonly name: 'Finished';
  /** Whose secret the MAC is made with. */
  readonly side?: Side;
  readonly over?: 'transcript' | 'nothing' | 'allButLast';
  /** Cut or lengthened to so many bytes. */
  readonly length?: number;
}

/** The message with the changes of its step. */
export function alteredBy({ flip, extra = new Uint8Array(0) }: MessageStep, message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(message.length + extra.length);
  bytes.set(message);
  bytes.set(extra, message.length);
  if (extra.length > 0) new DataView(bytes.buffer).setUint16(2, bytes.length - 4);
  if (flip && bytes.length > 0) {
    const at = ((flip.at % bytes.length) + bytes.length) % bytes.length;
    bytes[at] = bytes[at]! ^ flip.xor;
  }
  return bytes;
}

export const turn: Step = { kind: 'turn' };

export function say(message: Message, rest: Omit<MessageStep, 'kind' | 'message'> = {}): MessageStep {
  return { kind: 'message', message, ...rest };
}

export function keys(epoch: 'handshake' | 'application'): Step {
  return { kind: 'keys', epoch };
}

export function record(
  type: RecordType,
  content: Uint8Array | readonly number[],
  rest: Pick<RecordStep, 'padding' | 'under'> = {},
): RecordStep {
  return { kind: 'record', type, content: Uint8Array.from(content), ...rest };
}

/** Always in the clear: what does not come so is something else. */
export function changeCipherSpec(...content: readonly number[]): RecordStep {
  return record('change_cipher_spec', content.length > 0 ? content : [1], { under: 'plaintext' });
}

/** A step as text, for whoever has to find out what a seed did. */
export function describeStep(step: Step): string {
  return JSON.stringify(step, (_key, value: unknown) => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    return typeof value === 'function' ? value.toString() : value;
  });
}
