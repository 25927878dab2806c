import { concatBytes } from '../../src/base/bytes.ts';
import { TlsPeerError } from '../../src/base/errors.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { Endpoint } from '../../test/hostile/support/endpoint.ts';
import { Random } from '../../test/hostile/support/mutations.ts';
import type { Rehearsal, Side } from '../../test/hostile/support/rehearsal.ts';
import { demand, type Target } from '../engine/target.ts';
import { type FlightInput, type Heard, hearFlight, promptRehearsals, readFlight } from '../support/flight.ts';
import { mutateFlight } from '../support/flight-mutations.ts';

/** Records, cut into chunks in another way: the same events, and the same words in answer. */
export async function records(): Promise<Target> {
  // With answers that come late it depends on when more bytes come.
  const rehearsals = await promptRehearsals();
  return {
    maxLength: 6_000,
    maxTime: 1_000,
    mutate: mutateFlight,
    run(input) {
      const flight = readFlight(input);
      const side = flight.scenario % 2 === 0 ? 'client' : 'server';
      const rehearsal = rehearsals[(flight.scenario >> 1) % rehearsals.length]!;
      const heard = hearFlight(rehearsal, side, flight);
      const again = hearAgain(rehearsal, side, heard, flight);
      const [expected, found] = [summaryOf(heard.counterpart.victim), summaryOf(again)];
      const isSame =
        expected === found ||
        // Of a flight in plaintext, whoever is told an alert meanwhile leaves out what has not left.
        (isToldOff(again) && (expected.startsWith(found) || found.startsWith(expected)));
      demand(isSame, `in other chunks it is\n${found}\nand was\n${expected}`);
    },
  };
}

function hearAgain(rehearsal: Rehearsal, side: Side, { stretches }: Heard, flight: FlightInput): Endpoint {
  const { scenario } = rehearsal;
  scenario.restart();
  const victim = new Endpoint(side === 'client' ? scenario.server : scenario.client);
  const random = new Random(flight.chunks);
  const way = flight.chunks % 3;
  for (const { bytes, action } of stretches) {
    const all = concatBytes(...bytes);
    for (let offset = 0; offset < all.length; ) {
      const size = way === 0 ? all.length : way === 1 && all.length < 1_000 ? 1 : 1 + random.below(300);
      const chunk = all.slice(offset, offset + size);
      victim.receive(chunk);
      // It was let go: the transport may use it for something else.
      chunk.fill(0xaa);
      offset += size;
    }
    if (action)
      demand(victim.established && !victim.connection.writeClosed, 'in other chunks it gets less far');
    if (action === 'send') victim.connection.send(Uint8Array.of(1, 2, 3));
    else if (action === 'sendTickets') victim.connection.sendTickets(1);
    else if (action) victim.connection[action]();
    victim.takeOutput();
  }
  // What `hearFlight` does at the end.
  if (!victim.failed) victim.receiveEnd();
  return victim;
}

/** All that a connection did and said. Records may be cut differently where more than one message is to be said. */
function summaryOf(victim: Endpoint): string {
  const units = victim.records().flatMap((record) => record.units);
  const said = units.map(({ type, content }) => `${type} ${Buffer.from(content).toString('hex')}`);
  return [...victim.events.map(textOf), ...said].join('\n');
}

function isToldOff({ events }: Endpoint): boolean {
  const last = events.at(-1);
  return last?.type === 'failed' && last.error instanceof TlsPeerError && last.error.direction === 'received';
}

function textOf(event: ConnectionEvent): string {
  switch (event.type) {
    case 'data':
      return `data ${Buffer.from(event.data).toString('hex')}`;
    case 'failed':
      return `failed ${event.error.name}: ${event.error.message}`;
    case 'session':
      return `session ${Buffer.from(event.session.ticket).toString('hex')}`;
    default:
      return event.type;
  }
}
