import { newSetup } from './credentials.ts';
import { inMemoryPair } from './implementations/in-memory.ts';
import { rowOf } from './lane-figures.ts';
import { type Figure, microseconds, processorTime } from './measure.ts';
import { opensslSpeed } from './openssl-speed.ts';

interface Task {
  readonly name: string;
  readonly unit: string;
  /** Units of work in one call, for `unit`. */
  readonly size: number;
  readonly calls: number;
  readonly tacit: () => void;
  readonly nodeTls: () => Promise<void>;
  readonly floor: number | undefined;
}

/** Both sides in one process and in memory: what is left of the cost when there is no socket. */
export async function* engineFigures(isQuick: boolean): AsyncGenerator<Figure> {
  const [repeats, handshakes, chunks, messages] = isQuick ? [3, 30, 200, 500] : [15, 200, 1_000, 4_000];
  const { connectTacit, connectNode } = inMemoryPair(newSetup('ECDSA P-256'));
  const openssl = opensslSpeed(isQuick ? 1 : 3);
  const chunk = new Uint8Array(65_536);
  const message = new Uint8Array(100);
  const [tacit, node] = [connectTacit(), await connectNode()];
  const tasks: readonly Task[] = [
    {
      name: 'full handshake, both sides',
      unit: 'µs CPU',
      size: 1,
      calls: handshakes,
      tacit: () => void connectTacit(),
      nodeTls: async () => void (await connectNode()),
      floor: openssl?.handshake,
    },
    {
      name: 'bulk, sealed and opened',
      unit: 'ns CPU/B',
      size: chunk.length / 1_000,
      calls: chunks,
      tacit: () => tacit.carry(chunk),
      nodeTls: () => node.carry(chunk),
      floor: openssl?.byte,
    },
    {
      name: '100 bytes, sealed and opened',
      unit: 'µs CPU',
      size: 1,
      calls: messages,
      tacit: () => tacit.carry(message),
      nodeTls: () => node.carry(message),
      floor: undefined,
    },
  ];
  for (const task of tasks) yield await figureOf(task, repeats);
}

async function figureOf({ name, unit, size, calls, ...sides }: Task, repeats: number): Promise<Figure> {
  const [tacit, nodeTls]: [number[], number[]] = [[], []];
  for (let i = -1; i < repeats; i++) {
    const ours = microseconds(sides.tacit, calls) / size;
    const before = processorTime();
    for (let call = 0; call < calls; call++) await sides.nodeTls();
    const theirs = (processorTime() - before) / calls / size;
    // The first time is for the compiler.
    if (i < 0) continue;
    tacit.push(ours);
    nodeTls.push(theirs);
  }
  const { floor } = sides;
  const floors = floor === undefined ? undefined : tacit.map(() => floor);
  const figure = `engine in memory, ${name}`;
  return rowOf({ figure, unit, tacit, nodeTls, floor: floors, target: null, against: 'nodeTls' });
}
