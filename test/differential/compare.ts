import { breaches } from './laws.ts';
import { type ConnectionOutcome, type Outcome, type Pair, pairs, play, type SideOutcome } from './play.ts';
import { type Connection, connectionsOf, type Scenario } from './scenario.ts';

/** One thing on which a pair and the pair of two `node:tls` differ, or that must not be at all. */
export interface Difference {
  readonly scenario: Scenario;
  readonly pair: Pair;
  readonly connection: Connection;
  /** The connection before it. */
  readonly previous: Connection | undefined;
  /** A name of what differs, or the law that was broken. */
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
  readonly outcome: ConnectionOutcome;
  /** Of two `node:tls`; of themselves, where they break a law. */
  readonly reference: ConnectionOutcome;
}

/** How a connection came about, and who said what where it did not. */
export interface Verdict {
  readonly text: string;
  /** Undefined where nobody refused. */
  readonly refusedBy: 'client' | 'server' | undefined;
  /** The alert that the refused one has read. */
  readonly told: string | undefined;
}

export interface Comparison {
  readonly differences: readonly Difference[];
  /** Connections that were made and used, by pair, and those that were refused. */
  readonly connected: number;
  readonly refused: number;
  readonly resumed: number;
}

/** Plays a scenario with every pair. */
export async function compare(scenario: Scenario): Promise<Comparison> {
  const differences: Difference[] = [];
  let [connected, refused, resumed] = [0, 0, 0];
  let reference: Outcome = [];
  for (const [index, pair] of pairs.entries()) {
    const outcome = await play(scenario, pair);
    if (index === 0) reference = outcome;
    const connections = connectionsOf(scenario);
    for (const [place, one] of outcome.entries()) {
      const expected = reference[place];
      const connection = connections[place]!;
      const previous = connections[place - 1];
      // What followed a first connection of another kind says nothing.
      if (expected === undefined) break;
      const common = { scenario, pair, connection, previous, outcome: one, reference: expected };
      for (const breach of breaches(pair, connection, previous, one))
        differences.push({ ...common, ...breach });
      const fields = fieldsOf(one);
      const theirs = fieldsOf(expected);
      const names = Object.keys(theirs).filter((name) => isComparable(name, fields, theirs));
      for (const what of names)
        if (isDifferent(fields[what], theirs[what]))
          differences.push({ ...common, what, expected: String(theirs[what]), actual: String(fields[what]) });
      if (verdictOf(one).text === 'connected') connected += 1;
      else refused += 1;
      if (one.client.facts?.resumed) resumed += 1;
    }
  }
  return { differences, connected, refused, resumed };
}

/**
 * Where one was refused, the rest is not there to be compared; a resumed handshake shows no certificates, and in TLS 1.2
 * has the suite of its session.
 */
function isComparable(name: string, fields: Fields, theirs: Fields): boolean {
  if (fields['verdict'] !== theirs['verdict']) return name === 'verdict';
  return (
    fields['resumed'] === theirs['resumed'] ||
    !(name.startsWith('certificate') || name === 'authorized' || name === 'suite')
  );
}

/** Both have to know it. */
function isDifferent(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other;
}

export function verdictOf({ client, server }: ConnectionOutcome): Verdict {
  const sides = [
    { name: 'client', own: client.failure, other: server.failure },
    { name: 'server', own: server.failure, other: client.failure },
  ] as const;
  for (const { name, own, other } of sides) {
    if (own?.by !== 'us' && other?.by !== 'peer') continue;
    const told = other?.by === 'peer' ? other.alert : undefined;
    const alert = told ?? (own?.by === 'us' ? (own.alert ?? own.text) : '');
    return { text: `${name} refuses: ${alert}`, refusedBy: name, told };
  }
  const missing = [client, server].find(({ facts }) => facts === undefined);
  if (missing !== undefined)
    return { text: `broken: ${missing.failure?.text}`, refusedBy: undefined, told: undefined };
  return { text: 'connected', refusedBy: undefined, told: undefined };
}

type Fields = Readonly<Record<string, string | undefined>>;

/** What is compared; undefined is what nobody can know. */
function fieldsOf(outcome: ConnectionOutcome): Fields {
  const { client, server, retried } = outcome;
  const verdict = verdictOf(outcome);
  if (verdict.text !== 'connected') return { verdict: verdict.text, told: verdict.told ?? 'nothing' };
  const [near, far] = [client.facts!, server.facts!];
  return {
    verdict: verdict.text,
    version: near.version,
    suite: near.suite,
    group: near.group,
    alpn: near.alpn ?? 'none',
    serverName: far.serverName ?? 'none',
    resumed: String(near.resumed),
    retried: retried === undefined ? undefined : String(retried),
    'certificate of the server': near.peer ?? 'none',
    'certificate of the client': far.peer ?? 'none',
    authorized: String(far.authorized),
    'received by the client': receivedBy(client),
    'received by the server': receivedBy(server),
  };
}

export function receivedBy({ received, isIntact, end }: SideOutcome): string {
  return `${received} bytes${isIntact ? '' : ', altered'}, ${end ?? 'no end'}`;
}

/** For people: what it takes to see it again. */
export function describe({
  scenario,
  pair,
  connection,
  previous,
  what,
  expected,
  actual,
  outcome,
}: Difference): string {
  const place = previous === undefined ? 'first' : 'second';
  const failures = [outcome.client, outcome.server].map(
    ({ failure }) => failure?.text.trim() ?? 'no failure',
  );
  return [
    `seed ${scenario.seed}, ${pair.client} to ${pair.server} over ${scenario.transport}, ${place} connection: ${what}`,
    `  expected ${expected}`,
    `  got      ${actual}`,
    `  client: ${failures[0]}`,
    `  server: ${failures[1]}`,
    ...(previous === undefined ? [] : [`  first: ${JSON.stringify(changesTo(previous, connection))}`]),
    `  ${JSON.stringify(connection.client)}`,
    `  ${JSON.stringify(connection.server)}`,
    `  ${JSON.stringify(connection.traffic)} ${JSON.stringify(scenario.records)}`,
  ].join('\n');
}

/** What the first connection had otherwise. */
function changesTo(previous: Connection, connection: Connection): object {
  const differing = (before: object, after: object): object =>
    Object.fromEntries(
      Object.entries(before).filter(
        ([name, value]) => JSON.stringify(value) !== JSON.stringify((after as Record<string, unknown>)[name]),
      ),
    );
  return {
    client: differing(previous.client, connection.client),
    server: differing(previous.server, connection.server),
    traffic: previous.traffic,
  };
}
