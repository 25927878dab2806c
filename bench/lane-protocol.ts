/** What the benchmark's processes say to each other. */

import type { Tls13CipherSuiteName } from '../src/wire/names.ts';

export type ImplementationName =
  | 'tacit'
  /** `tacit-tls/node` and what is on top of it. */
  | 'face'
  | 'node:tls'
  | 'net'
  | `${'face' | 'node'}:${'https' | 'http2'}`
  /** Without TLS. */
  | 'http'
  | 'h2c';

export interface Credentials {
  /** PEM: leaf and intermediate. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

/** How both processes of a lane are set up. */
export interface LaneSetup {
  /** PEM of the authority that both sides trust. */
  readonly ca: string;
  /** A server's certificates, the first one for everybody whom no name leads elsewhere. */
  readonly identities: readonly (Credentials & { readonly host: string })[];
  /** The client's certificate, which the server then requires. */
  readonly client?: Credentials | undefined;
  /** Of TLS 1.3; all of them where it is left out. */
  readonly cipherSuite?: Tls13CipherSuiteName | undefined;
  /** Whether the client resumes sessions. */
  readonly resumes?: boolean | undefined;
}

/** What a client's process does on request. */
export type Work =
  /** Connections that are closed as soon as they stand, `atOnce` at a time. */
  | { readonly kind: 'handshakes'; readonly count: number; readonly atOnce: number }
  /** One connection that writes `bytes` and ends. */
  | { readonly kind: 'upload'; readonly bytes: number }
  /** Opens connections up to `count` and keeps them. */
  | { readonly kind: 'hold'; readonly count: number }
  /** 100 bytes there and back, `rounds` times on each of the connections that are held. */
  | { readonly kind: 'echo'; readonly rounds: number }
  /** Requests over connections that are kept, `atOnce` at a time; what comes back is as small. */
  | { readonly kind: 'requests'; readonly count: number; readonly atOnce: number }
  /** Requests of as little over one session of HTTP/2 of their own, all of them at once. */
  | { readonly kind: 'streams'; readonly count: number }
  /** One response of so many bytes, over a session of HTTP/2 of its own. */
  | { readonly kind: 'download'; readonly bytes: number };

export type Request =
  | { readonly kind: 'listen'; readonly implementation: ImplementationName; readonly setup: LaneSetup }
  | {
      readonly kind: 'connect';
      readonly implementation: ImplementationName;
      readonly setup: LaneSetup;
      readonly port: number;
    }
  | { readonly kind: 'work'; readonly work: Work }
  /** The processor's time since the process began, and its memory, after a collection where one is asked for. */
  | { readonly kind: 'usage'; readonly collect: boolean };

export interface Usage {
  /** User and system, over all threads. */
  readonly microseconds: number;
  /** Bytes. */
  readonly residentSet: number;
}

export interface WorkReport {
  /** Microseconds of the processor. */
  readonly cpu: number;
  /** Milliseconds on the clock. */
  readonly wall: number;
  /** Milliseconds from a message to its echo, the median and the 99th percentile; empty for other work. */
  readonly latencies: readonly number[];
}

/** One answer for one request, in order. */
export type Answer =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'ready' }
  | { readonly kind: 'worked'; readonly report: WorkReport }
  | { readonly kind: 'usage'; readonly usage: Usage }
  | { readonly kind: 'failed'; readonly reason: string };

/** A client of an implementation of HTTP. */
export interface WebClient {
  /** One request, to the end of its response. @param bytes of the response's body, where the server can choose */
  request(bytes?: number): Promise<void>;
  /** That many requests at once over one connection of HTTP/2, each to the end of its response of 100 bytes. */
  streams?(count: number): Promise<void>;
}

/** A client of one implementation, with the connections that it holds. */
export interface Client {
  /** One connection, closed as soon as it stands; resolves when both directions are over. */
  handshake(): Promise<void>;
  upload(bytes: number): Promise<void>;
  /** One connection more that stays. */
  hold(): Promise<void>;
  readonly held: number;
  /** 100 bytes there and back on the held connection with this index. */
  echo(index: number): Promise<void>;
}

/**
 * Both roles of one implementation. Every server does the same: what it receives it counts, where the client's first byte
 * is `uploadMark`, and otherwise sends back; it ends when the client ends.
 */
export interface Implementation {
  /** @returns the port */
  listen(setup: LaneSetup): Promise<number>;
  client(port: number, setup: LaneSetup): Client;
}

/** Both roles of HTTP over one implementation. */
export interface WebImplementation {
  /** @returns the port */
  listen(setup: LaneSetup): Promise<number>;
  client(port: number, setup: LaneSetup): WebClient;
}

/** The first so many connections of a client that resumes are full ones: each of as many at a time needs a session. */
export const primingConnections = 4;
/** Begins what is uploaded. */
export const uploadMark = 1;
export const messageLength = 100;
/** What an application writes at a time when it uploads: what Node's file streams read. */
export const chunkLength = 65_536;

/** The chunks of an upload: always the same array. */
export function* chunksOf(bytes: number): Generator<Uint8Array> {
  const chunk = new Uint8Array(chunkLength).fill(uploadMark);
  for (let left = bytes; left > 0; left -= chunkLength)
    yield left < chunkLength ? chunk.subarray(0, left) : chunk;
}
