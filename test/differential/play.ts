import { Deferred } from '../../src/streams/deferred.ts';
import { numbered } from '../support/bytes.ts';
import type { Endpoint, Facts, Failure, Library, LibraryMaker } from './endpoint.ts';
import { node } from './node.ts';
import {
  type Connection,
  connectionsOf,
  type Ending,
  isPolite,
  type Scenario,
  sum,
  type Traffic,
} from './scenario.ts';
import { tacit } from './tacit.ts';
import { openWire, type Wire } from './wire.ts';

/** Who is the client, and who the server. */
export interface Pair {
  readonly client: Library['name'];
  readonly server: Library['name'];
}

/** The first one is what the others are compared with. */
export const pairs: readonly Pair[] = [
  { client: 'node', server: 'node' },
  { client: 'tacit', server: 'node' },
  { client: 'node', server: 'tacit' },
  { client: 'tacit', server: 'tacit' },
];

/** What became of one side of a connection. */
export interface SideOutcome {
  /** Undefined where the handshake failed. */
  readonly facts: Facts | undefined;
  readonly failure: Failure | undefined;
  readonly received: number;
  /** Whether what was received is what was sent, as far as it goes. */
  readonly isIntact: boolean;
  /** How reading ended; undefined where it did not come to that. */
  readonly end: 'clean' | 'cut' | undefined;
}

export interface ConnectionOutcome {
  readonly client: SideOutcome;
  readonly server: SideOutcome;
  readonly retried: boolean | undefined;
}

/** The outcomes of a scenario's connections, as far as they went: the second needs a first that was made. */
export type Outcome = readonly ConnectionOutcome[];

const makers: Readonly<Record<Library['name'], LibraryMaker>> = { tacit, node };

/** A bound for what hangs, far above what anything takes. */
const deadline = 20_000;

export async function play(scenario: Scenario, pair: Pair): Promise<Outcome> {
  const client = makers[pair.client](scenario.records);
  const server = makers[pair.server](scenario.records);
  const outcomes: ConnectionOutcome[] = [];
  for (const connection of connectionsOf(scenario)) {
    const outcome = await connectOnce(scenario, connection, client, server);
    outcomes.push(outcome);
    if (outcome.client.facts === undefined || outcome.server.facts === undefined) break;
  }
  return outcomes;
}

async function connectOnce(
  { transport }: Scenario,
  connection: Connection,
  client: Library,
  server: Library,
): Promise<ConnectionOutcome> {
  const { traffic } = connection;
  const stopsClient = traffic.ending === 'write only' && client.name === 'node';
  const wire = await openWire(transport, stopsClient);
  const far = await server.server(connection.server, wire.server);
  const near = await client.client(connection.client, wire.client);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`nothing more happens between ${client.name} and ${server.name}`)),
      deadline,
    );
  });
  try {
    const meeting = new Meeting();
    const both = Promise.all([
      new Side(near, 'client', traffic, wire, meeting).run(),
      new Side(far, 'server', traffic, wire, meeting).run(),
    ]);
    const [clientSide, serverSide] = await Promise.race([both, late]);
    return { client: clientSide, server: serverSide, retried: wire.retried };
  } finally {
    clearTimeout(timer);
    near.destroy();
    far.destroy();
    wire.client.destroy();
    wire.server.destroy();
  }
}

const bytes = numbered(400_000);

/** The same for both sides, and both directions. */
function payload(length: number): Uint8Array {
  return bytes.subarray(0, length);
}

/** Where both sides wait for each other, beside the connection. */
class Meeting {
  readonly #met = new Deferred<boolean>();
  #missing = 2;

  /** Whether the other side has come too: who has left is not waited for. */
  come(): Promise<boolean> {
    this.#missing -= 1;
    if (this.#missing === 0) this.#met.resolve(true);
    return this.#met.promise;
  }

  leave(): void {
    this.#met.resolve(false);
  }
}

/** What the other side says is its end is not. */
class EarlyEnd extends Error {}

/** What one side does, and what comes of it. */
class Side {
  readonly #end: Endpoint;
  readonly #role: 'client' | 'server';
  readonly #traffic: Traffic;
  readonly #wire: Wire;
  readonly #meeting: Meeting;
  readonly #expected: Uint8Array;
  #facts: Facts | undefined;
  #received = 0;
  #isIntact = true;
  #ended: 'clean' | 'cut' | undefined;

  constructor(end: Endpoint, role: 'client' | 'server', traffic: Traffic, wire: Wire, meeting: Meeting) {
    this.#end = end;
    this.#role = role;
    this.#traffic = traffic;
    this.#wire = wire;
    this.#meeting = meeting;
    this.#expected = payload(sum(role === 'client' ? traffic.down : traffic.up));
  }

  async run(): Promise<SideOutcome> {
    let failure: Failure | undefined;
    try {
      this.#facts = await this.#end.handshake();
      await this.#talk();
    } catch (error) {
      this.#meeting.leave();
      failure =
        error instanceof EarlyEnd
          ? { by: 'transport', text: error.message }
          : await this.#end.failureOf(error);
      if (this.#facts !== undefined && failure.by === 'transport') {
        this.#ended ??= 'cut';
        // The other side may wait for our end.
        this.#end.destroy();
      }
    }
    this.#meeting.leave();
    return {
      facts: this.#facts,
      failure,
      received: this.#received,
      isIntact: this.#isIntact,
      end: this.#ended,
    };
  }

  async #talk(): Promise<void> {
    const { up, down, order, ending } = this.#traffic;
    const isClient = this.#role === 'client';
    if (ending === 'write only') return isClient ? this.#writeOnly() : this.#receiveLate();
    const [mine, theirs] = isClient ? [up, down] : [down, up];
    if (order === 'at once') {
      await Promise.all([this.#send(mine), this.#receive(sum(theirs))]);
    } else if (isClient) {
      await this.#send(mine);
      await this.#receive(sum(theirs));
    } else {
      await this.#receive(sum(theirs));
      await this.#send(mine);
    }
    await this.#finish(ending);
  }

  async #finish(ending: Ending): Promise<void> {
    if (isPolite(ending)) return this.#finishPolitely(ending);
    // Until then nothing may be on its way: what a reset destroys is another question.
    const isReady = await this.#meeting.come();
    if (isReady && ending === `${this.#role} destroys`) return this.#end.destroy();
    const isCut = ending === 'cut' || ending === 'cut inside a record';
    if (isReady && isCut && this.#role === 'client') this.#wire.cut(ending);
    await this.#receiveToEnd();
  }

  async #finishPolitely(ending: Ending): Promise<void> {
    if (ending === 'at once') {
      await Promise.all([this.#end.endWriting(), this.#receiveToEnd()]);
    } else if (ending === `${this.#role} first`) {
      await this.#end.endWriting();
      await this.#receiveToEnd();
    } else {
      await this.#receiveToEnd();
      await this.#end.endWriting();
    }
    await this.#end.close();
  }

  async #writeOnly(): Promise<void> {
    this.#end.stopReading();
    await this.#send(this.#traffic.up);
    const closing = this.#end.close();
    // What becomes of it is looked at below.
    closing.catch(() => {});
    // Gone, or waiting for the server: in either case it has said all that it had to say.
    await this.#meeting.come();
    await closing;
  }

  async #receiveLate(): Promise<void> {
    await this.#meeting.come();
    await this.#receiveToEnd();
    await this.#end.close();
  }

  async #send(lengths: readonly number[]): Promise<void> {
    const { updates } = this.#traffic;
    const places = this.#role === 'client' ? updates.up : updates.down;
    const all = payload(sum(lengths));
    let sent = 0;
    for (const [index, length] of lengths.entries()) {
      if (places.includes(index)) await this.#end.updateKeys();
      await this.#end.write(all.subarray(sent, sent + length));
      sent += length;
    }
  }

  async #receive(length: number): Promise<void> {
    while (this.#received < length) {
      const bytes = await this.#end.read();
      if (bytes === undefined) {
        this.#ended = 'clean';
        throw new EarlyEnd(`the end came after ${this.#received} bytes`);
      }
      this.#take(bytes);
    }
  }

  async #receiveToEnd(): Promise<void> {
    for (let bytes = await this.#end.read(); bytes !== undefined; bytes = await this.#end.read())
      this.#take(bytes);
    this.#ended = 'clean';
  }

  #take(bytes: Uint8Array): void {
    const part = this.#expected.subarray(this.#received, this.#received + bytes.length);
    if (Buffer.compare(part, bytes) !== 0) this.#isIntact = false;
    this.#received += bytes.length;
  }
}
