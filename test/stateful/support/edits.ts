import type { RawExtension } from '../../../src/wire/extensions.ts';
import type { Verdict } from '../../hostile/support/verdict.ts';
import type {
  CertificateVerifyMessage,
  FinishedMessage,
  Message,
  MessageName,
  MessageStep,
  RecordStep,
  Step,
} from './steps.ts';

/** One way to deviate, and what must become of the victim. Sections are those of RFC 9846, unless they say otherwise. */
export type Attack<SceneName> = readonly [
  what: string,
  section: string,
  scene: SceneName,
  edit: Edit,
  /** `end`: it does no harm. */
  verdict: Verdict,
];

/** What a script becomes. */
export type Edit = (steps: readonly Step[]) => readonly Step[];

/** A place in a script: the first message of this name, or the `second`; other keys; a turn. */
export type Place =
  | MessageName
  | `second ${MessageName}`
  | 'handshake keys'
  | 'application keys'
  | 'turn'
  | 'ccs'
  | 'data';

/** All edits, one after the other. */
export function all(...edits: readonly Edit[]): Edit {
  return (steps) => edits.reduce((edited, edit) => edit(edited), steps);
}

export function without(...places: readonly Place[]): Edit {
  return all(...places.map((place) => at(place, () => [])));
}

export function before(place: Place, ...added: readonly Step[]): Edit {
  return at(place, (step) => [...added, step]);
}

export function after(place: Place, ...added: readonly Step[]): Edit {
  return at(place, (step) => [step, ...added]);
}

export function instead(place: Place, ...added: readonly Step[]): Edit {
  return at(place, () => added);
}

/** The message of a step, said in another way. */
export function changed(place: Place, change: Partial<MessageStep> & Partial<RecordStep>): Edit {
  return at(place, (step) => [{ ...step, ...change } as Step]);
}

/** The first message of this name, made in another way. */
export function as(message: Message): Edit {
  return changed(message.name, { message });
}

/** CertificateVerify, made otherwise. */
export function verify(message: Omit<CertificateVerifyMessage, 'name'>): Edit {
  return as({ name: 'CertificateVerify', ...message });
}

/** Finished, made otherwise. */
export function finished(message: Omit<FinishedMessage, 'name'>): Edit {
  return as({ name: 'Finished', ...message });
}

/** An edit of a message's fields: other extensions, `undefined` where one is taken away. */
export function extended<Extensions>(
  changes: NoInfer<Partial<Extensions>>,
): <Fields extends { readonly extensions: Extensions }>(fields: Fields) => Fields {
  return (fields) => ({ ...fields, extensions: { ...fields.extensions, ...changes } });
}

/** An extension that nobody knows. */
export const unknown: RawExtension = { code: 0xff77, data: new Uint8Array(0) };

/** The step at `place` comes ahead of the one at `target`. */
export function movedBefore(place: Place, target: Place): Edit {
  return (steps) => {
    const step = steps[indexOf(steps, place)]!;
    return before(target, step)(without(place)(steps));
  };
}

/** The script up to `place`, with that and without what follows. */
export function upTo(place: Place): Edit {
  return (steps) => steps.slice(0, indexOf(steps, place) + 1);
}

function at(place: Place, change: (step: Step) => readonly Step[]): Edit {
  return (steps) => {
    const index = indexOf(steps, place);
    return [...steps.slice(0, index), ...change(steps[index]!), ...steps.slice(index + 1)];
  };
}

function indexOf(steps: readonly Step[], place: Place): number {
  const [first, name] = place.split(' ');
  const isSecond = first === 'second';
  const found = steps.flatMap((step, index) => (isAt(step, isSecond ? (name ?? '') : place) ? [index] : []));
  const index = found[isSecond ? 1 : 0];
  if (index === undefined) throw new Error(`there is no ${place} in this script`);
  return index;
}

function isAt(step: Step, place: string): boolean {
  if (step.kind === 'message') return step.message.name === place;
  if (step.kind === 'keys') return `${step.epoch} keys` === place;
  if (step.kind === 'turn') return place === 'turn';
  if (step.type === 'application_data') return place === 'data';
  return step.type === 'change_cipher_spec' && place === 'ccs';
}
