import { messagesOf, records } from './dice.ts';
import type { Scene } from './scenes.ts';
import { type Protection, type Step, say, type Tls13Message } from './steps.ts';
import { variants } from './variants.ts';

/** One deviation of a scene's script. */
export interface Deviation {
  readonly what: string;
  readonly steps: readonly Step[];
}

/** Every run of up to `longest` steps left out. */
export function* omissions({ script }: Scene, longest: number): Generator<Deviation> {
  for (let start = 0; start < script.length; start++) {
    for (let count = 1; count <= longest && start + count <= script.length; count++) {
      yield { what: `without ${start} to ${start + count - 1}`, steps: splice(script, start, count) };
    }
  }
}

/** Every step said twice, and every two that change places. */
export function* repetitionsAndSwaps({ script }: Scene): Generator<Deviation> {
  for (const [index, step] of script.entries()) {
    yield { what: `${index} twice`, steps: splice(script, index, 0, step) };
    for (let other = index + 1; other < script.length; other++) {
      const swapped = [...script];
      swapped[index] = script[other]!;
      swapped[other] = step;
      yield { what: `${index} and ${other} swapped`, steps: swapped };
    }
  }
}

/** Every message and every record at every place. */
export function* insertions({ script, peer }: Scene): Generator<Deviation> {
  const additions = [...messagesOf[peer.side].map((name) => say(variants[name][0]!)), ...records];
  for (let index = 0; index <= script.length; index++) {
    for (const [number, step] of additions.entries())
      yield { what: `addition ${number} ahead of ${index}`, steps: splice(script, index, 0, step) };
  }
}

const protections: readonly Protection[] = ['plaintext', 'handshake', 'application', 'unknown'];

/** Every message in every other way that there is, and under every other key. */
export function* replacements({ script }: Scene): Generator<Deviation> {
  for (const [index, step] of script.entries()) {
    if (step.kind !== 'message') continue;
    for (const [number, message] of variants[step.message.name as Tls13Message['name']].entries())
      yield { what: `variant ${number} of ${index}`, steps: splice(script, index, 1, { ...step, message }) };
    for (const under of protections)
      yield { what: `${index} under ${under}`, steps: splice(script, index, 1, { ...step, under }) };
  }
}

function splice(
  steps: readonly Step[],
  start: number,
  count: number,
  ...added: readonly Step[]
): readonly Step[] {
  return [...steps.slice(0, start), ...added, ...steps.slice(start + count)];
}
