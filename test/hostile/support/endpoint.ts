import { concatBytes } from '../../../src/base/bytes.ts';
import type { ConnectionEvent, Question } from '../../../src/connection/events.ts';
import { TlsConnection } from '../../../src/connection/tls-connection.ts';
import { clientHandshake } from '../../../src/handshake/client.ts';
import type { PeerName } from '../../../src/handshake/client-hello.ts';
import type { ClientConfig, ServerConfig } from '../../../src/handshake/config.ts';
import { serverHandshake } from '../../../src/handshake/server.ts';
import type { Flight } from '../../../src/handshake/steps.ts';
import {
  cutRecords,
  type PlainRecord,
  readRecords,
  type Unit,
  WriteKeys,
} from '../../support/plain-records.ts';

/** More `next` calls than a step of these small connections can need: beyond it the engine is taken to hang. */
const maxNextCalls = 2_000;

const peer: PeerName = { host: 'localhost', port: 443 };

/** An answer that an endpoint does not have at once: it looks like a promise, and is fulfilled by the test. */
export class Late<Value> implements PromiseLike<Value> {
  readonly value: Value;

  constructor(value: Value) {
    this.value = value;
  }

  // biome-ignore lint/suspicious/noThenProperty: what has a `then` is what the engine takes for a promise.
  then(): never {
    throw new Error('nobody waits for it');
  }
}

/** An engine with everything that it did: its events, but for questions, and what it said. */
export class Endpoint {
  readonly connection: TlsConnection;
  readonly events: ConnectionEvent[] = [];
  readonly keys = new WriteKeys();
  readonly #asked: Question[] = [];
  readonly #writes: Uint8Array[] = [];
  /** How many writes it made before the step in which it failed. */
  #writesBeforeFailure = 0;

  /** @param listen puts something between the handshake and its connection, to hear what it says */
  constructor(config: ClientConfig | ServerConfig, listen: (flight: Flight) => Flight = (flight) => flight) {
    this.connection = new TlsConnection(config, (flight) => {
      const watched = listen(this.#watch(flight));
      return config.role === 'client'
        ? clientHandshake(config, peer, watched)
        : serverHandshake(config, watched);
    });
    this.step();
  }

  get failed(): boolean {
    return this.events.at(-1)?.type === 'failed';
  }

  get established(): boolean {
    return this.connection.handshakeInfo !== undefined;
  }

  /** All bytes that it wrote so far. */
  get wire(): Uint8Array {
    return concatBytes(...this.#writes);
  }

  /**
   * Gives it bytes, takes all events and what it has to say then. Questions that these bytes raise stay open until more
   * bytes are there, or `settle` is called.
   */
  receive(bytes: Uint8Array): Uint8Array {
    this.connection.receive(bytes);
    this.#answer();
    return this.step();
  }

  /** Answers all questions that are open. */
  settle(): Uint8Array {
    const output: Uint8Array[] = [];
    while (this.#asked.length > 0) {
      this.#answer();
      output.push(this.step());
    }
    return concatBytes(...output);
  }

  receiveEnd(): Uint8Array {
    this.connection.receiveEnd();
    return this.step();
  }

  step(): Uint8Array {
    let calls = 0;
    for (let event = this.connection.next(); event; event = this.connection.next()) {
      if (this.failed) throw new Error(`after failed came the event ${event.type}`);
      if (event.type === 'question') this.#asked.push(event.question);
      else this.events.push(event);
      calls += 1;
      if (calls > maxNextCalls) throw new Error('next does not come to an end');
    }
    return this.takeOutput();
  }

  takeOutput(): Uint8Array {
    const output = concatBytes(...this.connection.takeOutput());
    if (!this.failed) this.#writesBeforeFailure += 1;
    this.#writes.push(output);
    return output;
  }

  /** What it said, decrypted: before the step in which it failed, and in that step and after it. */
  said(): { readonly before: readonly Unit[]; readonly after: readonly Unit[] } {
    const records = this.records();
    const before = cutRecords(concatBytes(...this.#writes.slice(0, this.#writesBeforeFailure))).length;
    return {
      before: records.slice(0, before).flatMap((record) => record.units),
      after: records.slice(before).flatMap((record) => record.units),
    };
  }

  /** All records that it wrote, decrypted. */
  records(): readonly PlainRecord[] {
    return readRecords(this.wire, this.keys);
  }

  #answer(): void {
    for (const question of this.#asked.splice(0)) {
      if (!(question.pending instanceof Late)) throw new Error('a question without an answer was asked');
      this.connection.answer(question, question.pending.value);
    }
  }

  #watch(flight: Flight): Flight {
    return {
      ...flight,
      installWriteKeys: (suite, secret) => {
        this.keys.install(suite, secret);
        flight.installWriteKeys(suite, secret);
      },
      installTls12WriteKeys: (suite, keys) => {
        this.keys.installTls12(suite, keys);
        flight.installTls12WriteKeys(suite, keys);
      },
    };
  }
}
