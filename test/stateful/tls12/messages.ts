import type { ClientHello } from '../../../src/wire/hello.ts';
import type { Tls12CipherSuiteName } from '../../../src/wire/names.ts';
import type {
  Tls12CertificateRequest,
  Tls12NewSessionTicket,
  Tls12ServerHello,
} from '../../../src/wire/tls12-messages.ts';
import type { Edit, Side } from '../support/steps.ts';

/** A message of TLS 1.2 to be made. What is not said here is as an honest peer would have it. */
export type Tls12Message =
  | Tls12ServerHelloMessage
  | { readonly name: 'Tls12ClientHello'; readonly edit?: Edit<ClientHello> }
  | Tls12CertificateMessage
  | { readonly name: 'CertificateStatus'; readonly type?: number }
  | ServerKeyExchangeMessage
  | { readonly name: 'Tls12CertificateRequest'; readonly edit?: Edit<Tls12CertificateRequest> }
  | { readonly name: 'ServerHelloDone' }
  | ClientKeyExchangeMessage
  | Tls12CertificateVerifyMessage
  | { readonly name: 'Tls12NewSessionTicket'; readonly edit?: Edit<Tls12NewSessionTicket> }
  | Tls12FinishedMessage
  | { readonly name: 'HelloRequest'; readonly body?: Uint8Array };

export interface Tls12ServerHelloMessage {
  readonly name: 'Tls12ServerHello';
  readonly suite?: Tls12CipherSuiteName;
  /** Whether the session ID of the client comes back: by default where the scene resumes. */
  readonly echo?: boolean;
  readonly edit?: Edit<Tls12ServerHello>;
}

export interface Tls12CertificateMessage {
  readonly name: 'Tls12Certificate';
  readonly of?: 'own' | 'other' | 'nobody';
  readonly edit?: Edit<readonly Uint8Array[]>;
}

export interface ServerKeyExchangeMessage {
  readonly name: 'ServerKeyExchange';
  readonly group?: number;
  /** In the place of a fresh public value. */
  readonly publicValue?: Uint8Array;
  readonly curveType?: number;
  /** Whose key signs. */
  readonly of?: 'own' | 'other';
  /** The code that it is sent with, whatever the signature is. */
  readonly algorithm?: number;
  /** The code of what is really signed with. */
  readonly signs?: number;
  /** The values that the signature does not cover, though it should. */
  readonly without?: 'client random' | 'server random' | 'public value';
}

export interface ClientKeyExchangeMessage {
  readonly name: 'ClientKeyExchange';
  readonly publicValue?: Uint8Array;
}

export interface Tls12CertificateVerifyMessage {
  readonly name: 'Tls12CertificateVerify';
  readonly of?: 'own' | 'other';
  /** As above, both. */
  readonly algorithm?: number;
  readonly signs?: number;
  readonly over?: 'transcript' | 'nothing' | 'allButLast';
}

export interface Tls12FinishedMessage {
  readonly name: 'Tls12Finished';
  /** Whose label the MAC is made with. */
  readonly side?: Side;
  readonly over?: 'transcript' | 'nothing' | 'allButLast';
  readonly length?: number;
}
