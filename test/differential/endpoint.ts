import type { Duplex } from 'node:stream';
import type { ClientChoice, RecordChoice, ServerChoice } from './scenario.ts';

/** A library that can be told a scenario, with what it remembers between two connections. */
export interface Library {
  readonly name: 'tacit' | 'node';
  client(choice: ClientChoice, transport: Duplex): Promise<Endpoint>;
  server(choice: ServerChoice, transport: Duplex): Promise<Endpoint>;
}

export type LibraryMaker = (records: RecordChoice) => Library;

/** One side of a connection. What it throws, `failureOf` understands. */
export interface Endpoint {
  handshake(): Promise<Facts>;
  /** Undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  write(bytes: Uint8Array): Promise<void>;
  /** Updates the keys, where the library can. */
  updateKeys(): Promise<void>;
  endWriting(): Promise<void>;
  /** Takes nothing in any more, as far as the library lets a program be so careless. */
  stopReading(): void;
  /** The library's way to end what is done. */
  close(): Promise<void>;
  destroy(): void;
  /** Why it failed, once something has thrown: `error`, or what the library knows beside it. */
  failureOf(error: unknown): Promise<Failure>;
}

/** What a side believes after its handshake. */
export interface Facts {
  readonly version: string;
  readonly suite: string;
  /** Undefined where the library does not say. */
  readonly group: string | undefined;
  readonly alpn: string | undefined;
  /** What the client asked for, as the server sees it. */
  readonly serverName: string | undefined;
  readonly resumed: boolean;
  /** Whose certificate the peer has. */
  readonly peer: string | undefined;
  /** Of a server that asked: whether the client has shown a certificate that is trusted. */
  readonly authorized: boolean | undefined;
  readonly exporter: string;
}

export type Failure =
  /** We refused; `alert` is what the peer is told, or would have been told if the library told it anything. */
  | { readonly by: 'us'; readonly alert: string | undefined; readonly text: string }
  | { readonly by: 'peer'; readonly alert: string; readonly text: string }
  /** The transport ended, or broke. */
  | { readonly by: 'transport'; readonly text: string };

export const exporterLabel = 'EXPORTER-tacit-differential';
