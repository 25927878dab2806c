import { concatBytes, equalBytes } from '../../src/base/bytes.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { contentTypes, handshakeTypes } from '../../src/wire/names.ts';
import type { Endpoint } from '../../test/hostile/support/endpoint.ts';
import type { Rehearsal, Side } from '../../test/hostile/support/rehearsal.ts';
import { rehearsals, tls12ScenarioNames, tls13ScenarioNames } from '../../test/hostile/support/scenarios.ts';
import { verdictOf } from '../../test/hostile/support/verdict.ts';
import { cutRecords, type Unit } from '../../test/support/plain-records.ts';
import { demand } from '../engine/target.ts';
import { Counterpart, type Repairs } from './counterpart.ts';
import { demandAuthentication } from './demands.ts';
import { moreRehearsals } from './more-scenarios.ts';
import { type Action, readNotation } from './notation.ts';

/** An input: the scenario, what is repaired, a seed for chunks; then the flight in notation. */
export interface FlightInput {
  readonly scenario: number;
  readonly flags: number;
  readonly chunks: number;
  readonly notation: Uint8Array;
}

export const flightHeaderLength = 3;
/** All repairs. */
export const allRepairs = 0x1f;

export function readFlight(input: Uint8Array): FlightInput {
  const [scenario = 0, flags = allRepairs, chunks = 0] = input;
  return { scenario, flags, chunks, notation: input.subarray(flightHeaderLength) };
}

export function writeFlight({ scenario, flags, chunks, notation }: FlightInput): Uint8Array {
  return concatBytes(Uint8Array.of(scenario, flags, chunks), notation);
}

/** Every scenario: those of the hostile tests, answering at once and then late, and some more. */
export async function allRehearsals(): Promise<readonly Rehearsal[]> {
  const [atOnce, late] = [await rehearsals(), await rehearsals('late')];
  return [
    ...[atOnce, late].flatMap((kind) => tls13ScenarioNames.map((name) => kind[name])),
    ...moreRehearsals(atOnce.full),
    // Behind the others: inputs have their scenario by its number.
    ...[atOnce, late].flatMap((kind) => tls12ScenarioNames.map((name) => kind[name])),
  ];
}

/** Those whose answers do not come late. */
export async function promptRehearsals(): Promise<readonly Rehearsal[]> {
  return (await allRehearsals()).filter((_, place) => !isLate(place));
}

/** How many scenarios there are. */
export const scenarioCount: number = 2 * tls13ScenarioNames.length + 4 + 2 * tls12ScenarioNames.length;

/** Whether a scenario, by its number, answers late. */
export function isLate(place: number): boolean {
  const isTls13 = place >= tls13ScenarioNames.length && place < 2 * tls13ScenarioNames.length;
  return isTls13 || place >= scenarioCount - tls12ScenarioNames.length;
}

/** What came of a flight. */
export interface Heard {
  readonly counterpart: Counterpart;
  /** All bytes that the victim got, between two actions of its application each. */
  readonly stretches: readonly {
    readonly bytes: readonly Uint8Array[];
    readonly action: Action | undefined;
  }[];
}

/** Lets the endpoint hear a flight from `side`, and holds it to the rules. */
export function hearFlight(rehearsal: Rehearsal, side: Side, { flags, notation }: FlightInput): Heard {
  const { scenario } = rehearsal;
  scenario.restart();
  const config = side === 'client' ? scenario.server : scenario.client;
  const session = scenario.client.sessions?.take('');
  scenario.restart();
  const counterpart = new Counterpart(config, repairsOf(flags), session);
  const { victim } = counterpart;
  const application = new Application(victim, side === 'client');
  const stretches: { bytes: Uint8Array[]; action: Action | undefined }[] = [{ bytes: [], action: undefined }];
  let closeNotified = false;
  for (const item of readNotation(notation)) {
    if (victim.failed) break;
    if (item.kind === 'action') {
      if (!application.act(item.action)) continue;
      stretches.at(-1)!.action = item.action;
      stretches.push({ bytes: [], action: undefined });
      continue;
    }
    const wasEstablished = victim.established;
    // A client may have the keys for it while its own flight still waits.
    const sealedForApplication = counterpart.hasApplicationKeys;
    const bytes = counterpart.bytesOf(item);
    closeNotified ||= sealedForApplication && item.kind === 'sealed' && isCloseNotify(item);
    stretches.at(-1)!.bytes.push(bytes);
    const output = hear(victim, bytes, (flags & 0x10) !== 0);
    demandSilence(victim, wasEstablished, side === 'client', output);
    demand(application.isOpen || output.length === 0, 'it speaks after its close_notify');
  }
  victim.settle();
  if (victim.established) demandAuthentication(counterpart, side, session);
  const { events } = victim;
  demandData(events, counterpart.data);
  if (events.some(({ type }) => type === 'end')) demand(closeNotified, 'an end without close_notify');
  application.demandOrder();
  demandEnding(victim, application);
  return { counterpart, stretches };
}

function repairsOf(flags: number): Repairs {
  const bit = (number: number): boolean => (flags & (1 << number)) !== 0;
  return { finished: bit(0), signature: bit(1), binder: bit(2), echo: bit(3) };
}

function hear(victim: Endpoint, bytes: Uint8Array, settles: boolean): Uint8Array {
  const output = victim.receive(bytes);
  return settles ? concatBytes(output, victim.settle()) : output;
}

/** The law of turns: after the handshake receiving makes no bytes, but for one fatal alert. */
function demandSilence(
  victim: Endpoint,
  wasEstablished: boolean,
  isServer: boolean,
  output: Uint8Array,
): void {
  if (output.length === 0) return;
  if (!wasEstablished) {
    // A late answer may let a server say its flight only when the client's Finished is there already: nothing follows it.
    const isOver = isServer && victim.established && !victim.failed;
    demand(!isOver || victim.records().at(-1)?.endsHandshake === true, 'it speaks out of turn');
    return;
  }
  demand(victim.failed, 'it speaks out of turn');
  demand(cutRecords(output).length === 1, 'it says more than one alert');
}

/** What the application gets is what was sent, as far as it came. */
function demandData(events: readonly ConnectionEvent[], sent: readonly Uint8Array[]): void {
  const got = concatBytes(...events.flatMap((event) => (event.type === 'data' ? [event.data] : [])));
  demand(equalBytes(got, concatBytes(...sent).subarray(0, got.length)), 'data that nobody sent');
}

function demandEnding(victim: Endpoint, application: Application): void {
  if (!application.isOpen) {
    victim.receiveEnd();
    return;
  }
  const verdict = verdictOf(victim, true);
  if (verdict !== 'in the handshake' && verdict !== 'established') return;
  victim.receiveEnd();
  demand(verdictOf(victim, true) === 'truncated', 'a transport that ends is no truncation');
}

/** The victim's application: what it does is a write, and only a write may say something. */
class Application {
  readonly #victim: Endpoint;
  readonly #isServer: boolean;
  /** How many records the victim had written ahead of each `send`, and with it. */
  readonly #sends: { readonly before: number; readonly after: number }[] = [];
  isOpen = true;

  constructor(victim: Endpoint, isServer: boolean) {
    this.#victim = victim;
    this.#isServer = isServer;
  }

  /** @returns whether it can be done now */
  act(action: Action): boolean {
    const { connection, established } = this.#victim;
    if (!established || this.#victim.failed || connection.writeClosed) return false;
    // In TLS 1.2 the peer's end is that of both directions.
    const isOver = this.#victim.events.some(({ type }) => type === 'end');
    if (isOver && action === 'send' && connection.handshakeInfo?.protocolVersion === 'TLSv1.2') return false;
    const before = cutRecords(this.#victim.wire).length;
    if (action === 'sendTickets') {
      // A client has none.
      if (!this.#isServer) return false;
      connection.sendTickets(1);
    } else if (action === 'send') connection.send(Uint8Array.of(1, 2, 3));
    else if (action === 'updateKeys') {
      // TLS 1.2 cannot.
      if (connection.handshakeInfo?.protocolVersion === 'TLSv1.2') return false;
      connection.updateKeys();
    } else {
      connection.closeWrite();
      this.isOpen = false;
    }
    this.#victim.takeOutput();
    if (action === 'send') this.#sends.push({ before, after: cutRecords(this.#victim.wire).length });
    return true;
  }

  /** What TLS owes goes ahead of the data that releases it, and nothing behind. */
  demandOrder(): void {
    if (this.#sends.length === 0) return;
    const records = this.#victim.records();
    for (const { before, after } of this.#sends) {
      const said = records.slice(before, after).flatMap(({ units }) => units);
      const kinds = said.map(kindOf).join('');
      demand(/^K?T*D$/.test(kinds), `a write says ${kinds}`);
    }
  }
}

function kindOf({ type, content }: Unit): string {
  if (type === 'application_data') return 'D';
  if (type !== 'handshake') return 'X';
  return content[0] === handshakeTypes.key_update ? 'K' : 'T';
}

function isCloseNotify({ type, content }: { readonly type: number; readonly content: Uint8Array }): boolean {
  return type === contentTypes.alert && content.length === 2 && content[1] === 0;
}
