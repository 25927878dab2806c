import type { CipherSuiteName, NamedGroup, SignatureScheme } from '../../src/index.ts';
import type { ProtocolVersion } from '../../src/wire/names.ts';
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
  schemesByKey,
  type Traffic,
  type Transport,
} from './scenario.ts';

const suites: readonly CipherSuiteName[] = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
];
/** By the keys that they go with. */
const tls12Suites: readonly (readonly CipherSuiteName[])[] = [
  [
    'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  ],
  [
    'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  ],
];
const both: readonly ProtocolVersion[] = ['TLSv1.2', 'TLSv1.3'];
const groups: readonly NamedGroup[] = ['x25519', 'secp256r1', 'secp384r1', 'secp521r1'];
const protocols: readonly string[] = ['h2', 'http/1.1', 'imap', 'a'];

const keyTypes = Object.keys(schemesByKey) as TestKeyType[];
const kinds: readonly (readonly TestKeyType[])[] = [
  ['p256', 'p384', 'p521'],
  ['ed25519'],
  ['rsa2048'],
  ['rsaPss2048'],
];
const everyScheme: readonly SignatureScheme[] = [
  ...Object.values(schemesByKey).flat(),
  'rsa_pss_pss_sha384',
  'rsa_pss_pss_sha512',
];

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

const knownTargets = targets.filter(([host]) => host !== 'unknown.example');

/** What a scenario is about: all else is sound then. */
const themes = [
  'anything',
  'certificate of the server',
  'certificate of the client',
  'second connection',
] as const;
type Theme = (typeof themes)[number];

/** A scenario that follows from its seed: mostly sound, with something odd here and there. */
export function randomScenario(seed: number): Scenario {
  const dice = new Dice(seed);
  const theme = themes[seed % themes.length]!;
  const [near, far] = versionChoices(dice, theme);
  const client = clientChoice(dice, theme, near);
  const server = serverChoice(dice, theme, client, far);
  const transport = dice.oneIn(4) ? 'tcp' : 'memory';
  const traffic = trafficChoice(dice, transport);
  const first = { client, server, traffic };
  const resumes = theme === 'second connection' || dice.oneIn(3);
  // Tickets that nobody has waited for may have come or not.
  const isReadToTheTickets =
    isPolite(traffic.ending) || (traffic.down.length > 0 && traffic.order === 'in turn');
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

/** One version often, so that each is there; with nothing in common only where anything may be. */
function versionChoices(
  dice: Dice,
  theme: Theme,
): readonly [client: readonly ProtocolVersion[], server: readonly ProtocolVersion[]] {
  const common = dice.pick(both);
  const choice = (): readonly ProtocolVersion[] =>
    dice.oneIn(2) ? both : [theme === 'anything' && dice.oneIn(4) ? dice.pick(both) : common];
  return [choice(), choice()];
}

function anySuites(dice: Dice, isSound: boolean): readonly CipherSuiteName[] {
  const choose = isSound ? dice.shuffled.bind(dice) : (list: typeof suites) => someOrAll(dice, list);
  return [...choose(suites), ...dice.shuffled(tls12Suites.flatMap((list) => choose(list)))];
}

function endpointChoice(dice: Dice, theme: Theme, versions: readonly ProtocolVersion[]): EndpointChoice {
  const isSound = theme !== 'anything';
  const cheapFirst = [...dice.shuffled(groups.slice(0, 2)), ...dice.some(groups.slice(2))];
  return {
    versions,
    suites: anySuites(dice, isSound),
    // The large curves cost most of all.
    groups: isSound || !dice.oneIn(2) ? cheapFirst : someOrAll(dice, groups),
    schemes: undefined,
    // Of four, two lists of three have something in common.
    alpn: dice.oneIn(2) ? [] : atLeastOne(dice, protocols, isSound ? 3 : 2),
    trusts: ['root'],
  };
}

function clientChoice(dice: Dice, theme: Theme, versions: readonly ProtocolVersion[]): ClientChoice {
  const isFree = theme === 'anything';
  const [host, serverName] = dice.oneIn(2) ? targets[0]! : dice.pick(isFree ? targets : knownTargets);
  const oddness = theme === 'certificate of the client' ? 2 : isFree ? 8 : Number.POSITIVE_INFINITY;
  const hasCertificate = theme === 'certificate of the client' ? !dice.oneIn(5) : dice.oneIn(2);
  return {
    ...endpointChoice(dice, theme, versions),
    schemes: isFree && dice.oneIn(3) ? atLeastOne(dice, everyScheme, 4) : undefined,
    host,
    serverName,
    certificate: hasCertificate ? certificateChoice(dice, 'client', ['client.example'], oddness) : undefined,
    trusts: trust(dice, theme === 'certificate of the server'),
  };
}

function serverChoice(
  dice: Dice,
  theme: Theme,
  client: ClientChoice,
  versions: readonly ProtocolVersion[],
): ServerChoice {
  const isFree = theme === 'anything';
  const isAboutClients = theme === 'certificate of the client';
  const certificates = serverCertificates(dice, theme, client);
  const own = certificates.flatMap(({ key }) => schemesByKey[key] ?? []);
  const isPicky = (isFree && dice.oneIn(3)) || (isAboutClients && dice.oneIn(4));
  const withCertificate = ['none', 'request', 'require'] as const;
  const without = ['none', 'none', 'none', 'request', 'request', 'require'] as const;
  const modes = isAboutClients ? withCertificate.slice(1) : client.certificate ? withCertificate : without;
  return {
    ...endpointChoice(dice, theme, versions),
    schemes: isPicky ? dice.shuffled([...new Set([...own, ...dice.some(everyScheme)])]) : undefined,
    certificates,
    refusesUnknownNames: dice.oneIn(8),
    clientAuthentication: dice.pick(
      isFree || isAboutClients || client.certificate ? modes : withCertificate.slice(0, 2),
    ),
    trusts: trust(dice, isAboutClients),
  };
}

function serverCertificates(dice: Dice, theme: Theme, client: ClientChoice): readonly CertificateChoice[] {
  const isFree = theme === 'anything';
  const others = dice.oneIn(2) ? namesOfServers.slice(1).filter(() => dice.oneIn(2)) : [];
  const names = [namesOfServers[0]!, ...others];
  // Mostly it has what it is asked for.
  const asked = namesOfServers.find((some) => some.includes(client.serverName.replace(/^sub/, '*')));
  if (asked !== undefined && !names.includes(asked) && !(isFree && dice.oneIn(8))) names.push(asked);
  // Of one kind, or node:tls does not do what it is told.
  const kind = dice.oneIn(8) ? keyTypes : dice.pick(kinds);
  return names.map((some) => {
    const isAsked = some === (asked ?? names[0]);
    const oddness = isFree
      ? 8
      : theme === 'certificate of the server' && isAsked
        ? 2
        : Number.POSITIVE_INFINITY;
    return certificateChoice(dice, 'server', some, oddness, kind);
  });
}

function trust(dice: Dice, isAboutThem: boolean): EndpointChoice['trusts'] {
  if (!dice.oneIn(isAboutThem ? 6 : 20)) return ['root'];
  return dice.pick([['stranger'], ['root', 'stranger']] as const);
}

/** @param oddness in one of so many cases something is wrong */
function certificateChoice(
  dice: Dice,
  purpose: 'server' | 'client',
  names: readonly string[],
  oddness: number,
  keys: readonly TestKeyType[] = keyTypes,
): CertificateChoice {
  const odd = Number.isFinite(oddness) && dice.oneIn(oddness) ? dice.below(4) : -1;
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
  const change = dice.oneIn(4) ? {} : what(dice, client, server);
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
  (dice) => ({ client: { versions: dice.pick([both, ['TLSv1.2'], ['TLSv1.3']]) } }),
  (dice) => ({ server: { versions: dice.pick([both, ['TLSv1.2'], ['TLSv1.3']]) } }),
  (dice) => ({ client: { suites: anySuites(dice, false) } }),
  (dice) => ({ server: { suites: anySuites(dice, false) } }),
  (_, client, server) => {
    // One of TLS 1.2 may be none for the key: another time it is.
    const agreed = server.suites.filter((suite) => client.suites.includes(suite));
    const others = client.suites.filter(
      (suite) => suite !== agreed.find(isTls13) && suite !== agreed.findLast((one) => !isTls13(one)),
    );
    return others.some(isTls13) && !others.every(isTls13) ? { client: { suites: others } } : {};
  },
  (dice) => ({ client: { groups: atLeastOne(dice, groups) } }),
  (dice) => ({ server: { groups: atLeastOne(dice, groups) } }),
  (dice) => ({ client: { alpn: atLeastOne(dice, protocols) } }),
  (dice) => ({ server: { alpn: atLeastOne(dice, protocols) } }),
  (dice) => {
    const [host, serverName] = dice.pick(targets);
    return { client: { host, serverName } };
  },
  (dice) => ({ client: { certificate: certificateChoice(dice, 'client', ['client.example'], 4) } }),
  (dice) => ({ client: { trusts: dice.pick([['stranger'], ['root', 'stranger']] as const) } }),
  (dice) => ({ server: { trusts: dice.pick([['stranger'], ['root', 'stranger']] as const) } }),
  (dice) => ({ server: { clientAuthentication: dice.pick(['none', 'request', 'require']) } }),
  (dice, _, { certificates, schemes }) => ({
    server: {
      schemes: schemes && everyScheme,
      certificates: certificates.map(({ names, key }) => certificateChoice(dice, 'server', names, 4, [key])),
    },
  }),
];

function isTls13(suite: CipherSuiteName): boolean {
  return suites.includes(suite);
}

function someOrAll<T>(dice: Dice, list: readonly T[]): readonly T[] {
  return dice.oneIn(3) ? atLeastOne(dice, list) : dice.shuffled(list);
}

function atLeastOne<T>(dice: Dice, list: readonly T[], least = 1): readonly T[] {
  return dice.shuffled(list).slice(0, least + dice.below(list.length + 1 - least));
}
