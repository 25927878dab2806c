import type { Defect } from './engine/build.ts';

/** A defect with the target that has to find it. */
export interface Planted extends Defect {
  readonly name: string;
  readonly target: string;
}

export const planted: readonly Planted[] = [
  {
    name: 'trailing bytes',
    target: 'messages',
    file: 'src/wire/reader.ts',
    find: 'if (this.remaining > 0) throw',
    replace: 'if (this.remaining > 1) throw',
  },
];
