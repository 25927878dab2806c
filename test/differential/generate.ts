import type { CipherSuiteName, NamedGroup, SignatureScheme } from '../../src/index.ts';
import { Dice } from '../pki/fuzz/dice.ts';
import type { TestKeyType } from '../support/certificates.ts';
import {
  type CertificateChoice,
  type ClientChoice,
  type Connection,
  type Ending,
  type EndpointChoice,
  isPolite,
  type Scenario,
  type ServerChoice,
  type Traffic,
  type Transport,
} from './scenario.ts';

const suites: readonly CipherSuiteName[] = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
];
const groups: readonly NamedGroup[] = ['x25519', 'secp256r1', 'secp384r1', 'secp521r1'];
const protocols: readonly string[] = ['h2', 'http/1.1', 'imap', 'a'];

const schemesByKey: Partial<Record<TestKeyType, readonly SignatureScheme[]>> = {
  p256: ['ecdsa_secp256r1_sha256'],
  p384: ['ecdsa_secp384r1_sha384'],
  p521: ['ecdsa_secp521r1_sha512'],
  ed25519: ['ed25519'],
  rsa2048: ['rsa_pss_rsae_sha256', 'rsa_pss_rsae_sha384', 'rsa_pss_rsae_sha512'],
  rsaPss2048: ['rsa_pss_pss_sha256', 'rsa_pss_pss_sha384', 'rsa_pss_pss_sha512'],
};
const keyTypes = Object.keys(schemesByKey) as TestKeyType[];
const kinds: readonly (readonly TestKeyType[])[] = [
  ['p256', 'p384', 'p521'],
  ['ed25519'],
  ['rsa2048'],
  ['rsaPss2048'],
];
const everyScheme = Object.values(schemesByKey).flat();

/** What certificates of servers are for; the first names are those of the default. */
const namesOfServers: readonly (readonly string[])[] = [
  ['localhost', '127.0.0.1'],
  ['a.example'],
  ['*.wild.example'],
  ['exact.wild.example', 'b.example'],
];

/** What clients ask for: who, and by which name. */
const targets: readonly (readonly [host: string, serverName: string])[] = [
  ['localhost', 'localhost'],
  ['a.example', 'a.example'],
  ['sub.wild.example', 'sub.wild.example'],
  ['exact.wild.example', 'exact.wild.example'],
  ['unknown.example', 'unknown.example'],
  ['127.0.0.1', ''],
  ['LocalHost', 'LocalHost'],
  ['localhost.', 'localhost.'],
];

/** A scenario that follows from its seed: mostly sound, with something odd here and there. */
export function randomScenario(seed: number): Scenario {
  const dice = new Dice(seed);
  const client = clientChoice(dice);
  const server = serverChoice(dice, client);
  const transport = dice.oneIn(4) ? 'tcp' : 'memory';
  const traffic = trafficChoice(dice, transport);
  const first = { client, server, traffic };
  const resumes = dice.oneIn(2);
  // Tickets that nobody has waited for may have come or not.
  const isReadToTheTickets = isPolite(traffic.ending) || traffic.down.length > 0;
  const again = resumes && isReadToTheTickets ? changed(dice, transport, first) : undefined;
  return {
    seed,
    transport,
    records: {
      tacitPadding: dice.pick([1, 1, 1, 64, 4096]),
      tacitLimit: dice.pick([16_385, 16_385, 16_385, 512, 64]),
      nodeFragment: dice.pick([16_384, 16_384, 16_384, 512, 4096]),
    },
    first,
    again,
  };
}

function endpointChoice(dice: Dice): EndpointChoice {
  return {
    suites: someOrAll(dice, suites),
    // The large curves cost most of all.
    groups: dice.oneIn(3)
      ? someOrAll(dice, groups)
      : [...dice.shuffled(groups.slice(0, 2)), ...dice.some(groups.slice(2))],
    schemes: undefined,
    alpn: dice.oneIn(2) ? [] : atLeastOne(dice, protocols, 2),
    trusts: ['root'],
  };
}

function clientChoice(dice: Dice): ClientChoice {
  const [host, serverName] = dice.oneIn(2) ? targets[0]! : dice.pick(targets);
  const certificate = dice.oneIn(2) ? certificateChoice(dice, 'client', ['client.example']) : undefined;
  const schemes = dice.oneIn(4) ? atLeastOne(dice, everyScheme, 4) : undefined;
  return { ...endpointChoice(dice), schemes, host, serverName, certificate, ...trust(dice) };
}

function serverChoice(dice: Dice, client: ClientChoice): ServerChoice {
  const others = dice.oneIn(2) ? namesOfServers.slice(1).filter(() => dice.oneIn(2)) : [];
  const names = [namesOfServers[0]!, ...others];
  // Often the one that the client asks for is the default, and the only one.
  const asked = namesOfServers.find((some) => some.includes(client.serverName.replace(/^sub/, '*')));
  if (asked !== undefined && !names.includes(asked) && !dice.oneIn(8)) names.push(asked);
  // Of one kind, or node:tls does not do what it is told.
  const kind = dice.oneIn(8) ? keyTypes : dice.pick(kinds);
  const certificates = names.map((some) => certificateChoice(dice, 'server', some, kind));
  const own = certificates.flatMap(({ key }) => schemesByKey[key] ?? []);
  const schemes = dice.oneIn(4)
    ? dice.shuffled([...new Set([...own, ...dice.some(everyScheme)])])
    : undefined;
  return {
    ...endpointChoice(dice),
    schemes,
    certificates,
    refusesUnknownNames: dice.oneIn(8),
    clientAuthentication: dice.pick(
      client.certificate
        ? ['none', 'request', 'require']
        : ['none', 'none', 'none', 'request', 'request', 'require'],
    ),
    ...trust(dice),
  };
}

function trust(dice: Dice): Pick<EndpointChoice, 'trusts'> {
  if (!dice.oneIn(10)) return { trusts: ['root'] };
  return { trusts: dice.pick([['stranger'], ['root', 'stranger']] as const) };
}

function certificateChoice(
  dice: Dice,
  purpose: 'server' | 'client',
  names: readonly string[],
  keys: readonly TestKeyType[] = keyTypes,
): CertificateChoice {
  const odd = dice.oneIn(8) ? dice.below(4) : -1;
  return {
    purpose,
    key: dice.pick(keys),
    names,
    issuer: odd === 0 ? 'stranger' : 'root',
    chain: odd === 1 ? 'withheld' : dice.pick(['direct', 'intermediate']),
    validity: odd === 2 ? dice.pick(['expired', 'future']) : 'valid',
    usage: odd === 3 ? 'wrong' : 'right',
  };
}

function trafficChoice(dice: Dice, transport: Transport): Traffic {
  const ending = endingChoice(dice, transport);
  if (ending === 'write only') {
    return { up: [300_000], down: [], updates: { up: [], down: [] }, order: 'in turn', ending };
  }
  const lengths = (): readonly number[] => Array.from({ length: dice.below(4) }, () => length(dice));
  const [up, down] = [lengths(), lengths()];
  const places = (writes: readonly number[]): readonly number[] =>
    dice.oneIn(3) ? writes.flatMap((_, index) => (dice.oneIn(2) ? [index] : [])) : [];
  return {
    up,
    down,
    updates: { up: places(up), down: places(down) },
    order: dice.pick(['in turn', 'at once']),
    ending,
  };
}

function endingChoice(dice: Dice, transport: Transport): Ending {
  if (!dice.oneIn(3)) return dice.pick(['client first', 'server first', 'at once']);
  // What is cut has to be in memory, and only a kernel has the resets that lose data.
  const rude = transport === 'memory' ? (['cut', 'cut inside a record'] as const) : (['write only'] as const);
  return dice.pick(['client destroys', 'server destroys', ...rude]);
}

function length(dice: Dice): number {
  return dice.pick([1, 2, 100, 1_000, 16_383, 16_384, 16_385, 40_000, dice.below(70_000)]) || 1;
}

/** The second connection: like the first one, or with something that has changed. */
function changed(dice: Dice, transport: Transport, { client, server }: Connection): Connection {
  const traffic = trafficChoice(dice, transport);
  const what = dice.pick(changes);
  const change = dice.oneIn(3) ? {} : what(dice, client, server);
  return {
    client: change.client ? { ...client, ...change.client } : client,
    server: change.server ? { ...server, ...change.server } : server,
    traffic,
  };
}

interface Change {
  readonly client?: Partial<ClientChoice>;
  readonly server?: Partial<ServerChoice>;
}

const changes: readonly ((dice: Dice, client: ClientChoice, server: ServerChoice) => Change)[] = [
  (dice) => ({ client: { suites: atLeastOne(dice, suites) } }),
  (dice) => ({ server: { suites: atLeastOne(dice, suites) } }),
  (dice) => ({ client: { groups: atLeastOne(dice, groups) } }),
  (dice) => ({ server: { groups: atLeastOne(dice, groups) } }),
  (dice) => ({ client: { alpn: atLeastOne(dice, protocols) } }),
  (dice) => ({ server: { alpn: atLeastOne(dice, protocols) } }),
  (dice) => {
    const [host, serverName] = dice.pick(targets);
    return { client: { host, serverName } };
  },
  (dice) => ({ client: { certificate: certificateChoice(dice, 'client', ['client.example']) } }),
  (dice) => ({ client: { trusts: dice.pick([['stranger'], ['root', 'stranger']] as const) } }),
  (dice) => ({ server: { trusts: dice.pick([['stranger'], ['root', 'stranger']] as const) } }),
  (dice) => ({ server: { clientAuthentication: dice.pick(['none', 'request', 'require']) } }),
  (dice, _, { certificates, schemes }) => ({
    server: {
      schemes: schemes && everyScheme,
      certificates: certificates.map(({ names, key }) => certificateChoice(dice, 'server', names, [key])),
    },
  }),
];

function someOrAll<T>(dice: Dice, list: readonly T[]): readonly T[] {
  return dice.oneIn(3) ? atLeastOne(dice, list) : dice.shuffled(list);
}

function atLeastOne<T>(dice: Dice, list: readonly T[], least = 1): readonly T[] {
  return dice.shuffled(list).slice(0, least + dice.below(list.length + 1 - least));
}
