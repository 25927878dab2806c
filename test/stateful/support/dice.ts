import { noBytes, utf8 } from '../../../src/base/bytes.ts';
import type { Random } from '../../hostile/support/mutations.ts';
import { clientSceneNames, type Scene, type Scenes, serverSceneNames } from './scenes.ts';
import {
  changeCipherSpec,
  keys,
  type Message,
  type MessageName,
  type MessageStep,
  type Protection,
  type RecordStep,
  record,
  type Side,
  type Step,
  say,
  type Tls13Message,
} from './steps.ts';
import { variants } from './variants.ts';

/** A random deviation: a scene, and what its peer does instead of the honest script. */
export interface Roll {
  readonly scene: Scene;
  readonly steps: readonly Step[];
  /** The kinds of change that were made. */
  readonly changes: readonly string[];
  readonly trickle: boolean;
}

/** One or two changes, seldom three, at random steps of a random scene. */
export function roll(worlds: readonly Scenes[], random: Random): Roll {
  const scenes = pick(worlds, random);
  const scene =
    random.below(2) === 0
      ? scenes.client[pick(clientSceneNames, random)]
      : scenes.server[pick(serverSceneNames, random)];
  return { scene, ...deviate(scene.script, scene.peer.side, tls13Table, random) };
}

/** One or two changes of a script, seldom three. */
export function deviate(
  script: readonly Step[],
  side: Side,
  table: Table,
  random: Random,
): Omit<Roll, 'scene'> {
  const changes: string[] = [];
  let steps = script;
  for (let count = pick([1, 1, 1, 2, 2, 3], random); count > 0; count--) {
    if (steps.length === 0) break;
    const change = pick(weighted, random);
    steps = change.make({ steps, random, side, table });
    changes.push(change.name);
  }
  return { steps, changes, trickle: random.below(4) === 0 };
}

/** What a version has to change with. */
export interface Table {
  /** The messages of a side, and all the ways to say each. */
  readonly messagesOf: Readonly<Record<Side, readonly MessageName[]>>;
  readonly variants: Readonly<Partial<Record<MessageName, readonly Message[]>>>;
  readonly records: readonly RecordStep[];
  readonly protections: readonly Protection[];
  readonly epochs: readonly ('handshake' | 'application')[];
}

interface Material {
  readonly steps: readonly Step[];
  readonly random: Random;
  /** The peer's. */
  readonly side: Side;
  readonly table: Table;
}

interface Change {
  readonly name: string;
  /** How often it is taken, beside the others. */
  readonly weight: number;
  readonly make: (material: Material) => readonly Step[];
}

/** The kinds of change that there are. */
export const changes: readonly Change[] = [
  { name: 'drop', weight: 4, make: ({ steps, random }) => replaceAt(steps, anyStep(steps, random), []) },
  { name: 'dropSeveral', weight: 2, make: dropSeveral },
  { name: 'repeat', weight: 2, make: repeat },
  { name: 'swap', weight: 2, make: swap },
  { name: 'move', weight: 2, make: move },
  { name: 'replace', weight: 2, make: (material) => onMessage(material, () => anyMessage(material)) },
  { name: 'insertMessage', weight: 3, make: (material) => insert(material, anyMessage(material)) },
  { name: 'insertRecord', weight: 4, make: insertRecord },
  {
    name: 'variant',
    weight: 8,
    make: (material) => onMessage(material, (step) => variantOf(step, material)),
  },
  {
    name: 'flip',
    weight: 5,
    make: (material) => onMessage(material, (step) => flipped(step, material.random)),
  },
  {
    name: 'unhashed',
    weight: 1,
    make: (material) => onMessage(material, (step) => ({ ...step, unhashed: true })),
  },
  { name: 'wrongKeys', weight: 2, make: wrongKeys },
  {
    name: 'framing',
    weight: 5,
    make: (material) => onMessage(material, (step) => framed(step, material)),
  },
  { name: 'glue', weight: 2, make: glue },
  {
    name: 'keys',
    weight: 1,
    make: (material) => insert(material, keys(pick(material.table.epochs, material.random))),
  },
  { name: 'cut', weight: 1, make: ({ steps, random }) => steps.slice(0, random.below(steps.length)) },
];

const weighted: readonly Change[] = changes.flatMap((change) =>
  Array.from({ length: change.weight }, () => change),
);

function pick<Value>(values: readonly Value[], random: Random): Value {
  return values[random.below(values.length)]!;
}

function anyStep(steps: readonly Step[], random: Random): number {
  return random.below(steps.length);
}

function replaceAt(steps: readonly Step[], index: number, by: readonly Step[], count = 1): readonly Step[] {
  return [...steps.slice(0, index), ...by, ...steps.slice(index + count)];
}

function dropSeveral({ steps, random }: Material): readonly Step[] {
  return replaceAt(steps, anyStep(steps, random), [], 2 + random.below(3));
}

function repeat({ steps, random }: Material): readonly Step[] {
  const at = anyStep(steps, random);
  const times = pick([1, 1, 1, 2, 40], random);
  return replaceAt(
    steps,
    at,
    Array.from({ length: 1 + times }, () => steps[at]!),
  );
}

function swap({ steps, random }: Material): readonly Step[] {
  const at = random.below(Math.max(steps.length - 1, 1));
  return replaceAt(steps, at, steps.slice(at, at + 2).reverse(), 2);
}

function move({ steps, random }: Material): readonly Step[] {
  const at = anyStep(steps, random);
  const rest = replaceAt(steps, at, []);
  return replaceAt(rest, random.below(rest.length + 1), [steps[at]!], 0);
}

function insert({ steps, random }: Material, ...added: readonly Step[]): readonly Step[] {
  return replaceAt(steps, random.below(steps.length + 1), added, 0);
}

/** What may come once may not come without end. */
function insertRecord(material: Material): readonly Step[] {
  const step = anyRecord(material);
  const times = pick([1, 1, 1, 1, 1, 1, 5, 40], material.random);
  return insert(material, ...Array.from({ length: times }, () => step));
}

/** Something shares the last record of a message, what would come next or anything else. */
function glue(material: Material): readonly Step[] {
  const { steps, random } = material;
  const places = steps.flatMap((step, index) => (step.kind === 'message' ? [index] : []));
  if (places.length === 0) return steps;
  const at = pick(places, random);
  const next = steps.slice(at + 1).find((step) => step.kind === 'message');
  const added = next && random.below(2) === 0 ? next : anyMessage(material);
  return replaceAt(steps, at, [{ ...(steps[at] as MessageStep), joined: 'alone' }, added]);
}

/** Changes one of the messages, if there is one. */
function onMessage({ steps, random }: Material, change: (step: MessageStep) => Step): readonly Step[] {
  const places = steps.flatMap((step, index) => (step.kind === 'message' ? [index] : []));
  if (places.length === 0) return steps;
  const at = pick(places, random);
  return replaceAt(steps, at, [change(steps[at] as MessageStep)]);
}

/** The messages that a side has at all. */
export const messagesOf: Readonly<Record<Side, readonly Tls13Message['name'][]>> = {
  server: [
    ...(['HelloRetryRequest', 'ServerHello', 'EncryptedExtensions', 'CertificateRequest'] as const),
    ...(['Certificate', 'CompressedCertificate', 'CertificateVerify', 'Finished'] as const),
    ...(['NewSessionTicket', 'KeyUpdate', 'Other'] as const),
  ],
  client: [
    ...(['ClientHello', 'Certificate', 'CompressedCertificate', 'CertificateVerify', 'Finished'] as const),
    ...(['NewSessionTicket', 'KeyUpdate', 'Other'] as const),
  ],
};

function anyMessage({ side, random, table }: Material): MessageStep {
  const possible = table.variants[pick(table.messagesOf[side], random)]!;
  // Mostly an honest one: that it is out of place is enough.
  return say(random.below(3) > 0 ? possible[0]! : pick(possible, random), someFraming(random, table));
}

function variantOf(step: MessageStep, { random, table }: Material): MessageStep {
  return { ...step, message: pick(table.variants[step.message.name]!, random) };
}

function flipped(step: MessageStep, random: Random): MessageStep {
  const xor = pick([1, 1, 2, 4, 0x80, 0xff, 1 + random.below(255)], random);
  return { ...step, flip: { at: random.below(4) === 0 ? -1 - random.below(40) : random.below(400), xor } };
}

const protections: readonly Protection[] = ['plaintext', 'handshake', 'application', 'unknown'];

function wrongKeys({ steps, random, table }: Material): readonly Step[] {
  const places = steps.flatMap((step, index) =>
    step.kind === 'message' || step.kind === 'record' ? [index] : [],
  );
  if (places.length === 0) return steps;
  const at = pick(places, random);
  return replaceAt(steps, at, [
    { ...(steps[at] as MessageStep | RecordStep), under: pick(table.protections, random) },
  ]);
}

function someFraming(random: Random, { protections }: Table): Partial<MessageStep> {
  return random.below(4) === 0 ? { under: pick(protections, random) } : {};
}

function framed(step: MessageStep, { random, table }: Material): MessageStep {
  const pieces = Array.from(
    { length: 1 + random.below(3) },
    () => 1 + random.below(pick([4, 40, 300], random)),
  );
  switch (random.below(7)) {
    case 0:
    case 1:
      return { ...step, pieces };
    case 2:
      return { ...step, pieces, interlude: anyRecord({ random, table }) };
    case 3:
      return { ...step, joined: 'alone' };
    case 4:
      return { ...step, joined: 'acrossKeys', pieces: [1 + random.below(30)] };
    case 5:
      return { ...step, padding: random.below(300) };
    default:
      return { ...step, padding: pick([16_000, 16_383, 16_384, 16_400], random) };
  }
}

const plain = { under: 'plaintext' } as const;

/** Records that are no handshake messages, whatever they are worth. */
export const records: readonly RecordStep[] = [
  changeCipherSpec(),
  changeCipherSpec(),
  changeCipherSpec(),
  changeCipherSpec(0),
  changeCipherSpec(2),
  changeCipherSpec(1, 1),
  record('change_cipher_spec', [], plain),
  record('change_cipher_spec', [1]),
  record('alert', [1, 90]),
  record('alert', [1, 90]),
  record('alert', [2, 90], plain),
  record('alert', [1, 0]),
  record('alert', [1, 0], plain),
  record('alert', [2, 40]),
  record('alert', [1, 40]),
  record('alert', [1, 100]),
  record('alert', [1, 41], plain),
  record('alert', [1, 90, 1, 90]),
  record('alert', [2]),
  record('alert', noBytes),
  record('application_data', utf8('some data')),
  record('application_data', utf8('some data'), plain),
  record('application_data', utf8('some data'), { under: 'handshake' }),
  record('application_data', utf8('some data'), { under: 'application' }),
  record('application_data', utf8('some data'), { under: 'unknown' }),
  record('application_data', noBytes),
  record('application_data', noBytes),
  record('application_data', noBytes, { padding: 100 }),
  record('application_data', new Uint8Array(16_384)),
  record('application_data', new Uint8Array(16_384), { under: 'unknown' }),
  record('application_data', new Uint8Array(16_385)),
  record('handshake', noBytes),
  record('handshake', noBytes, { padding: 3 }),
  record('handshake', [20]),
  record('handshake', [8, 0, 0]),
  record('handshake', [11, 0xff, 0xff, 0xff]),
];

function anyRecord({ random, table }: Pick<Material, 'random' | 'table'>): RecordStep {
  return pick(table.records, random);
}

const tls13Table: Table = {
  messagesOf,
  variants,
  records,
  protections,
  epochs: ['handshake', 'application'],
};
