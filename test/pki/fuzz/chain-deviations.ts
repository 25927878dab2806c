import { signatures, testKey } from '../../support/certificates.ts';
import { crlExtension, issuingDistributionPoint, reason } from '../../support/crl.ts';
import { der, sequence } from '../../support/der.ts';
import { commonName } from '../../support/raw-certificates.ts';
import { certificateDeviations } from './certificate-deviations.ts';
import { likelyHosts, nameDeviations, unlikelyHosts } from './name-deviations.ts';
import {
  authorityDraft,
  type Draft,
  keyUsage,
  type ListDraft,
  nameOf,
  oids,
  put,
  putPathLength,
  type Scenario,
  soundScenario,
} from './scenario.ts';

/** A chain with nothing, one thing or some things odd about it, all of which follows from the seed. */
export function randomScenario(seed: number): Scenario {
  const scenario = soundScenario(seed);
  const { dice } = scenario;
  const isAboutNames = dice.oneIn(3);
  const count = dice.pick(isAboutNames ? [1, 1, 2] : [0, 1, 1, 1, 1, 2]);
  // Names have few deviations with many forms each.
  for (let i = 0; i < count; i++) deviate(scenario, isAboutNames ? nameDeviations : certificateDeviations);
  for (const { id, chance, apply } of dice.oneIn(2) ? shapes : []) {
    if (!dice.oneIn(chance)) continue;
    const detail = apply(scenario);
    if (detail !== undefined) scenario.deviations.push({ id, role: 'chain', detail });
  }
  if (dice.oneIn(isAboutNames ? 3 : 30)) {
    scenario.host = dice.pick(dice.oneIn(2) ? likelyHosts : unlikelyHosts);
    scenario.deviations.push({ id: 'host', role: 'host', detail: scenario.host });
  }
  if (dice.oneIn(isAboutNames ? 20 : 3)) addLists(scenario);
  return scenario;
}

function deviate({ dice, path, deviations }: Scenario, list: typeof certificateDeviations): void {
  const draft = dice.pick(path);
  const { id, apply } = dice.pick(list.filter(({ roles }) => roles.includes(draft.role)));
  const detail = apply(draft, dice);
  if (detail !== undefined) deviations.push({ id, role: draft.role, detail: `${nameOf(draft)} ${detail}` });
}

/** How a chain, and who is trusted, may be other than straight. One in `chance` has it. */
const shapes: readonly {
  readonly id: string;
  readonly chance: number;
  readonly apply: (scenario: Scenario) => string | undefined;
}[] = [
  {
    id: 'an intermediate is missing',
    chance: 20,
    apply: ({ dice, path, hidden }) => {
      const intermediates = path.slice(1, -1);
      if (intermediates.length === 0) return undefined;
      const gone = dice.pick(intermediates);
      hidden.add(gone);
      return nameOf(gone);
    },
  },
  {
    id: 'a crossed signature',
    chance: 6,
    apply: ({ dice, path, others, anchors }) => {
      const authority = dice.pick(path.slice(1));
      const other = authorityDraft('anchor', 'Other Root', undefined, testKey('p256', 'other root'));
      const crossed: Draft = {
        ...authorityDraft('intermediate', '', other, authority.key),
        subject: authority.subject,
      };
      others.push(crossed);
      if (dice.oneIn(2)) anchors.push(other);
      return `${nameOf(authority)}, the other root is ${anchors.includes(other) ? '' : 'not '}trusted`;
    },
  },
  {
    id: 'a twin',
    chance: 8,
    apply: (scenario) => {
      const { dice, path, others } = scenario;
      const authority = dice.pick(path.slice(1));
      const twin: Draft = {
        ...authorityDraft('intermediate', '', authority.issuer, authority.key),
        subject: authority.subject,
      };
      const count = scenario.deviations.length;
      if (dice.oneIn(2)) deviate({ ...scenario, path: [twin] }, certificateDeviations);
      others.push(twin);
      return `${nameOf(authority)}${scenario.deviations.length > count ? ', and it is odd' : ''}`;
    },
  },
  {
    id: 'a namesake',
    chance: 8,
    apply: ({ dice, path, others, anchors }) => {
      const authority = dice.pick(path.slice(1));
      const key = testKey('ed25519', 'namesake');
      const namesake: Draft = {
        ...authorityDraft(authority.role, '', authority.issuer, key),
        subject: authority.subject,
      };
      namesake.hasKeyIdentifiers = dice.oneIn(2);
      if (authority.role === 'anchor') anchors.push(namesake);
      else others.push(namesake);
      return nameOf(authority);
    },
  },
  {
    id: 'a rolled over authority',
    chance: 6,
    apply: ({ dice, path }) => {
      const place = 1 + dice.below(path.length - 1);
      const old = path[place]!;
      const rolled: Draft = {
        ...authorityDraft('intermediate', '', old, testKey('ed25519', 'rolled')),
        subject: old.subject,
      };
      path.splice(place, 0, rolled);
      const below = path[place - 1]!;
      below.issuer = rolled;
      // Without one nothing but the signature tells the two keys apart.
      if (dice.oneIn(2)) below.hasKeyIdentifiers = false;
      const isTight = dice.oneIn(3);
      if (isTight) putPathLength(old, place - 1);
      return `${nameOf(old)}${isTight ? ', pathLenConstraint without the rolled over one' : ''}`;
    },
  },
  {
    id: 'authorities that signed each other',
    chance: 25,
    apply: ({ path, others }) => {
      if (path.length < 4) return undefined;
      const [, low, high] = path;
      others.push({ ...authorityDraft('intermediate', '', low, high!.key), subject: high!.subject });
      return nameOf(high!);
    },
  },
  {
    id: 'a stranger',
    chance: 10,
    apply: ({ dice, others, anchors }) => {
      const stranger = authorityDraft('anchor', 'Stranger', undefined, testKey('ed25519', 'stranger'));
      (dice.oneIn(2) ? others : anchors).push(stranger);
      return '';
    },
  },
  {
    id: 'an intermediate is trusted',
    chance: 10,
    apply: (scenario) => {
      const { dice, path } = scenario;
      const intermediates = path.slice(1, -1);
      if (intermediates.length === 0) return undefined;
      const trusted = dice.pick(intermediates);
      scenario.anchors = dice.oneIn(2) ? [trusted] : [...scenario.anchors, trusted];
      return nameOf(trusted);
    },
  },
  {
    id: 'the leaf is trusted',
    chance: 20,
    apply: (scenario) => {
      const { dice, path, anchors } = scenario;
      scenario.anchors = dice.oneIn(2) ? [path[0]!] : [...anchors, path[0]!];
      return '';
    },
  },
  {
    id: 'self-signed',
    chance: 30,
    apply: (scenario) => {
      const { dice, path } = scenario;
      const leaf = path[0]!;
      leaf.issuer = undefined;
      if (dice.oneIn(2)) put(leaf, oids.basicConstraints, true, sequence(der(0x01, Uint8Array.of(0xff))));
      if (dice.oneIn(2)) scenario.anchors = [...scenario.anchors, leaf];
      return scenario.anchors.includes(leaf) ? 'trusted' : '';
    },
  },
  {
    id: 'the root is not trusted',
    chance: 30,
    apply: (scenario) => {
      const other = authorityDraft('anchor', 'Root', undefined, testKey('ed25519', 'not the root'));
      scenario.anchors = [scenario.dice.oneIn(2) ? other : { ...other, subject: commonName('Elsewhere') }];
      return '';
    },
  },
];

/** A list of each authority, and perhaps something odd about one. */
function addLists(scenario: Scenario): void {
  const { dice, path, others, deviations } = scenario;
  const roots = others.flatMap(({ issuer }) =>
    issuer === undefined || path.includes(issuer) ? [] : [issuer],
  );
  const authorities = [...path, ...others, ...roots].filter(({ role }) => role !== 'leaf');
  const lists: ListDraft[] = authorities.map((issuer) => ({ issuer, revoked: [], options: {} }));
  scenario.lists = lists;
  deviations.push({ id: 'lists', role: 'chain', detail: '' });
  if (dice.oneIn(4)) return;
  const place = dice.below(path.length - 1);
  const subject = path[place]!;
  const list = lists.find(({ issuer }) => issuer === path[place + 1])!;
  const id = dice.pick(Object.keys(listDeviations));
  listDeviations[id]!(list, subject, lists, scenario);
  deviations.push({ id, role: 'list', detail: `about ${nameOf(subject)}` });
}

type ListDeviation = (list: ListDraft, subject: Draft, lists: ListDraft[], scenario: Scenario) => void;

function revokedWith(...extensions: readonly Uint8Array[]): ListDeviation {
  return (list, draft) => {
    list.revoked = [{ draft, extensions }];
  };
}

function saying(options: ListDraft['options']): ListDeviation {
  return (list) => {
    list.options = options;
  };
}

const flag = (tag: number): Uint8Array => issuingDistributionPoint(der(tag, Uint8Array.of(0xff)));
const past = new Date('2026-05-15T00:00:00Z');
const future = new Date('2026-06-15T00:00:00Z');

const listDeviations: Readonly<Record<string, ListDeviation>> = {
  revoked: revokedWith(),
  'revoked for a reason': revokedWith(reason(1)),
  'taken off again': revokedWith(reason(8)),
  'entry with a critical extension': revokedWith(crlExtension('1.2.3.4', true, sequence())),
  'entry of another issuer': revokedWith(
    crlExtension('2.5.29.29', true, sequence(der(0xa4, commonName('Root')))),
  ),
  'out of date': saying({ nextUpdate: past }),
  'due now': saying({ nextUpdate: new Date('2026-06-01T00:00:00Z') }),
  'of the future': saying({ thisUpdate: future }),
  'of now': saying({ thisUpdate: new Date('2026-06-01T00:00:00Z') }),
  'without an end': saying({ nextUpdate: 'absent' }),
  'without a number': saying({ withoutNumber: true }),
  'of users only': saying({ extensions: [flag(0x81)] }),
  'of authorities only': saying({ extensions: [flag(0x82)] }),
  indirect: saying({ extensions: [flag(0x84)] }),
  'of attributes only': saying({ extensions: [flag(0x85)] }),
  'for some reasons': saying({ extensions: [issuingDistributionPoint(der(0x83, Uint8Array.of(6, 0x40)))] }),
  'a delta': saying({ extensions: [crlExtension('2.5.29.27', true, der(0x02, Uint8Array.of(1)))] }),
  'list with a critical extension': saying({ extensions: [crlExtension('1.2.3.4', true, sequence())] }),
  'of a place': saying({
    extensions: [
      issuingDistributionPoint(
        der(0xa0, der(0xa0, der(0x86, new TextEncoder().encode('http://a.example/1.crl')))),
      ),
    ],
  }),
  missing: (list, _, lists) => {
    lists.splice(lists.indexOf(list), 1);
  },
  'none at all': (_, __, lists) => {
    lists.splice(0);
  },
  'damaged list': (list) => {
    list.damage = (bytes) => bytes.with(bytes.length - 5, bytes[bytes.length - 5]! ^ 1);
  },
  'bytes behind the list': (list) => {
    list.damage = (bytes) => Uint8Array.of(...bytes, 0x05, 0x00);
  },
  'signed by a namesake': (list) => {
    list.issuer = { ...list.issuer, key: testKey('p256', 'namesake of a list') };
  },
  'signed with SHA-1': (list) => {
    list.issuer.key = testKey('p256', 'of a list');
    list.options = { signature: signatures.ecdsaWithSha1 };
  },
  'without cRLSign': ({ issuer }) => {
    put(issuer, oids.keyUsage, true, keyUsage(5));
  },
  'an old and a new list': (list, _, lists) => {
    lists.push({ ...list, options: { nextUpdate: past } });
  },
  'revoked in an old list, not in a new one': (list, draft, lists) => {
    lists.push({ ...list, revoked: [{ draft, extensions: [] }], options: { nextUpdate: past } });
  },
  'revoked in one of two': (list, draft, lists) => {
    lists.push({ ...list, revoked: [{ draft, extensions: [] }] });
  },
  'revoked under another number': (list, _, __, { path }) => {
    list.revoked = [{ draft: path.at(-1)!, extensions: [] }];
  },
};
