import { newSetup } from './credentials.ts';
import { Lane } from './lane.ts';
import { rowOf } from './lane-figures.ts';
import type { ImplementationName, LaneSetup } from './lane-protocol.ts';
import type { Figure } from './measure.ts';

export interface MemoryEffort {
  readonly repeats: number;
  /** Each with 10 000 connections takes half a minute. */
  readonly repeatsOfMany: number;
  readonly isQuick: boolean;
}

/** 1 / 0.4. */
const target = 2.5;

/** What an idle connection takes in the server's process: the resident set, a fresh process for each number of connections. */
export async function* memoryFigures({
  repeats,
  repeatsOfMany,
  isQuick,
}: MemoryEffort): AsyncGenerator<Figure> {
  const setup = newSetup('ECDSA P-256');
  for (const connections of isQuick ? [1_000] : [1_000, 10_000]) {
    const values = { tacit: [] as number[], 'node:tls': [] as number[], net: [] as number[] };
    for (let i = 0; i < (connections === 1_000 ? repeats : repeatsOfMany); i++) {
      for (const name of ['tacit', 'node:tls', 'net'] as const)
        values[name].push(await perConnection(name, setup, connections));
    }
    yield rowOf({
      figure: `memory of an idle connection, server, ${connections} connections`,
      unit: 'bytes',
      tacit: values.tacit,
      nodeTls: values['node:tls'],
      floor: values.net,
      target,
      against: 'nodeTls',
    });
  }
}

async function perConnection(
  name: ImplementationName,
  setup: LaneSetup,
  connections: number,
): Promise<number> {
  const lane = await Lane.start(name, name, setup);
  try {
    // The program's own memory, its compiled code included, is there before the first one that counts.
    await lane.run({ kind: 'handshakes', count: 300, atOnce: 16 });
    const before = await lane.serverMemory();
    await lane.run({ kind: 'hold', count: connections });
    return ((await lane.serverMemory()) - before) / connections;
  } finally {
    lane.stop();
  }
}
