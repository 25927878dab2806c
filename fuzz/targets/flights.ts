import type { Side } from '../../test/hostile/support/rehearsal.ts';
import type { Target } from '../engine/target.ts';
import { allRehearsals, hearFlight, readFlight } from '../support/flight.ts';
import { mutateFlight } from '../support/flight-mutations.ts';

/** What a side says, from its first message to its end, to an endpoint of Tacit's. `support/notation.ts` says how it is written. */
export async function flights(side: Side): Promise<Target> {
  const rehearsals = await allRehearsals();
  return {
    maxLength: 24_000,
    maxTime: 1_000,
    mutate: mutateFlight,
    run(input) {
      const flight = readFlight(input);
      hearFlight(rehearsals[flight.scenario % rehearsals.length]!, side, flight);
    },
  };
}
