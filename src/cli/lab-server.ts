/** How a connection ended for the program that received: 'nothing' is neither an end nor an error. */
export type Ending = 'clean' | 'error' | 'nothing';

/** What a server does with one connection. */
export interface Reader {
  /** The application reads nothing before this resolves. */
  readonly start: Promise<void>;
  /** Called with what the application reads. */
  take(bytes: Uint8Array): void;
}

/** A server that waits for one connection, or has it. */
export interface Reception {
  readonly port: number;
  /** Rejects only where the server itself failed, so that there is nothing to measure. */
  readonly ended: Promise<Ending>;
  /** Drops what is left of the connection. */
  cancel(): void;
}

/** One of the servers that the lab compares. Takes one connection after the other. */
export interface LabServer {
  readonly name: 'node:tls' | 'openssl' | 'tacit';
  /** For the table: the name with its versions. */
  readonly description: string;
  /** Makes ready for the next connection. */
  receive(reader: Reader): Promise<Reception>;
  close(): Promise<void>;
}

/** Why the lab could not measure: something other than a lost upload went wrong. */
export class LabError extends Error {
  override readonly name = 'LabError';
}

/** Resolves after `milliseconds`, unless `signal` fires: then it never does. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => clearTimeout(timer));
  });
}
