import { concatBytes, noBytes } from '../../../src/base/bytes.ts';
import type { ClientConfig, ServerConfig } from '../../../src/handshake/config.ts';
import { handshakeTypes } from '../../../src/wire/names.ts';
import {
  type Alter,
  alterRecords,
  cutRecords,
  type PlainRecord,
  readRecords,
  type Unit,
  type WriteKeys,
  writeRecords,
} from '../../support/plain-records.ts';
import { Endpoint } from './endpoint.ts';

export type Side = 'client' | 'server';

export const sides = ['client', 'server'] as const;

/** Two configurations that make one kind of connection, and what they begin with. */
export interface Scenario {
  readonly name: string;
  readonly client: ClientConfig;
  readonly server: ServerConfig;
  /** Makes the randomness begin anew, so that each connection of the scenario is the same, byte for byte. */
  readonly restart: () => void;
}

/** What one side says in an undisturbed connection, with its keys. */
export class Script {
  /** Its bytes, a record each. */
  readonly wire: readonly Uint8Array[];
  readonly records: readonly PlainRecord[];
  /** Its handshake messages, the ones after the handshake too. */
  readonly messages: readonly Uint8Array[];
  readonly keys: WriteKeys;

  constructor(endpoint: Endpoint) {
    this.wire = cutRecords(endpoint.wire);
    this.keys = endpoint.keys;
    this.records = readRecords(endpoint.wire, this.keys);
    this.messages = this.records
      .flatMap((record) => record.units)
      .filter((unit) => unit.type === 'handshake')
      .map((unit) => unit.content);
  }

  /** The bytes of other records under the same keys. */
  altered(alter: Alter): Uint8Array[] {
    return writeRecords(alterRecords(this.records, alter), this.keys);
  }
}

/**
 * An undisturbed connection, which can be run again with only one of its endpoints there: what the other one says is
 * known, and anything may be put in its place.
 */
export class Rehearsal {
  readonly scenario: Scenario;
  readonly client: Script;
  readonly server: Script;

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    const { client, server } = converse(scenario);
    this.client = new Script(client);
    this.server = new Script(server);
  }

  /** The endpoint that has to deal with what `side` says; it has heard nothing yet. */
  victimOf(side: Side): Endpoint {
    this.scenario.restart();
    return new Endpoint(side === 'client' ? this.scenario.server : this.scenario.client);
  }

  /** The endpoint that has heard these bytes from `side`, one array after the other. */
  hear(side: Side, wire: readonly Uint8Array[]): Endpoint {
    const victim = this.victimOf(side);
    for (const bytes of wire) victim.receive(bytes);
    victim.settle();
    return victim;
  }

  /**
   * The endpoint that has heard everything from `side`, but `units` instead of its message number `index`.
   *
   * @param then whether the side goes on behind that, or says nothing more
   */
  tamper(
    side: Side,
    index: number,
    units: readonly Unit[],
    then: 'goes on' | 'falls silent' = 'goes on',
  ): Endpoint {
    let isPast = false;
    return this.hear(
      side,
      this[side].altered((unit, count) => {
        if (isPast) return then === 'goes on' ? [unit] : [];
        if (unit.type !== 'handshake' || count !== index) return [unit];
        isPast = true;
        return units;
      }),
    );
  }
}

/** A handshake message in pieces of these lengths, each in a record of its own; the last one takes the rest. */
export function fragments(message: Uint8Array, ...lengths: readonly number[]): Unit[] {
  const units: Unit[] = [];
  let offset = 0;
  for (const length of [...lengths, message.length]) {
    const content = message.subarray(offset, offset + length);
    offset += content.length;
    const updatesKeys = message[0] === handshakeTypes.key_update && offset === message.length;
    if (content.length > 0) units.push({ type: 'handshake', content, alone: true, updatesKeys });
  }
  return units;
}

/** A handshake message as a unit. */
export function handshake(content: Uint8Array): Unit {
  return { type: 'handshake', content };
}

/** A whole connection: handshake, then data, tickets, KeyUpdates and ends in both directions. */
function converse(scenario: Scenario): { readonly client: Endpoint; readonly server: Endpoint } {
  scenario.restart();
  const client = new Endpoint(scenario.client);
  const server = new Endpoint(scenario.server);
  const pump = (fromClient: Uint8Array, fromServer: Uint8Array): void => {
    const answer = fromClient.length > 0 ? concatBytes(server.receive(fromClient), server.settle()) : noBytes;
    const question =
      fromServer.length > 0 ? concatBytes(client.receive(fromServer), client.settle()) : noBytes;
    if (answer.length > 0 || question.length > 0) pump(question, answer);
  };
  pump(client.wire, noBytes);
  // TLS 1.2 has no KeyUpdate.
  const hasKeyUpdate = client.connection.handshakeInfo?.protocolVersion === 'TLSv1.3';
  const acts: readonly (() => void)[] = [
    () => server.connection.send(new Uint8Array(20)),
    () => client.connection.send(new Uint8Array(30)),
    () => hasKeyUpdate && client.connection.updateKeys(),
    () => server.connection.send(new Uint8Array(10)),
    () => hasKeyUpdate && server.connection.updateKeys(),
    () => client.connection.send(new Uint8Array(10)),
    () => client.connection.closeWrite(),
    () => server.connection.closeWrite(),
  ];
  for (const act of acts) {
    act();
    pump(client.takeOutput(), server.takeOutput());
  }
  return { client, server };
}
