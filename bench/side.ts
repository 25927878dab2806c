// One side of a lane: a process of its own, so that its processor time is its own.

import { nodeHttp2, plainHttp2, tacitHttp2 } from './implementations/http2.ts';
import { nodeTls, plainNet, tacitFace } from './implementations/node.ts';
import { tacit } from './implementations/tacit.ts';
import { nodeWeb, plainWeb, tacitWeb } from './implementations/web.ts';
import type {
  Answer,
  Client,
  Implementation,
  ImplementationName,
  Request,
  Usage,
  WebClient,
  WebImplementation,
  Work,
} from './lane-protocol.ts';
import { processorTime } from './measure.ts';

const implementations: Readonly<Record<ImplementationName, Implementation | WebImplementation>> = {
  tacit,
  face: tacitFace,
  'node:tls': nodeTls,
  net: plainNet,
  'face:https': tacitWeb,
  'node:https': nodeWeb,
  http: plainWeb,
  'face:http2': tacitHttp2,
  'node:http2': nodeHttp2,
  h2c: plainHttp2,
};
let client: Client | WebClient | undefined;

process.on('message', (request: Request) => {
  answerTo(request).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ kind: 'failed', reason: String(error) } satisfies Answer),
  );
});
process.on('disconnect', () => process.exit());

async function answerTo(request: Request): Promise<Answer> {
  switch (request.kind) {
    case 'listen':
      return { kind: 'listening', port: await implementations[request.implementation].listen(request.setup) };
    case 'connect':
      client = implementations[request.implementation].client(request.port, request.setup);
      return { kind: 'ready' };
    case 'work': {
      if (!client) throw new Error('this side is no client');
      const [begun, before] = [performance.now(), processorTime()];
      const latencies = await work(client, request.work);
      const [cpu, wall] = [processorTime() - before, performance.now() - begun];
      return { kind: 'worked', report: { cpu, wall, latencies } };
    }
    case 'usage':
      return { kind: 'usage', usage: await usage(request.collect) };
  }
}

async function work(side: Client | WebClient, wanted: Work): Promise<readonly number[]> {
  if ('request' in side) {
    if (wanted.kind === 'requests') await severalAtOnce(wanted.count, wanted.atOnce, () => side.request());
    else if (wanted.kind === 'download') await side.request(wanted.bytes);
    else if (wanted.kind === 'streams') await side.streams?.(wanted.count);
    else throw new Error(`a client of HTTP makes requests, and no ${wanted.kind}`);
    return [];
  }
  switch (wanted.kind) {
    case 'requests':
    case 'download':
    case 'streams':
      throw new Error('this client makes no requests');
    case 'handshakes':
      await severalAtOnce(wanted.count, wanted.atOnce, () => side.handshake());
      return [];
    case 'upload':
      await side.upload(wanted.bytes);
      return [];
    case 'hold':
      await severalAtOnce(wanted.count - side.held, 16, () => side.hold());
      return [];
    case 'echo':
      return echoes(side, wanted.rounds);
  }
}

async function echoes(side: Client, rounds: number): Promise<readonly number[]> {
  const latencies: number[] = [];
  const talk = async (index: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      const sent = performance.now();
      await side.echo(index);
      latencies.push(performance.now() - sent);
    }
  };
  await Promise.all(Array.from({ length: side.held }, (_, index) => talk(index)));
  // Only what p50 and p99 need is told: messages between processes cost too.
  latencies.sort((a, b) => a - b);
  return [0.5, 0.99].map((share) => latencies[Math.floor(share * (latencies.length - 1))] ?? 0);
}

async function severalAtOnce(count: number, atOnce: number, once: () => Promise<void>): Promise<void> {
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      await once();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

async function usage(collect: boolean): Promise<Usage> {
  if (collect) {
    // What a collection sets free is finalised later, and then the next one takes what hung on it.
    for (let i = 0; i < 3; i++) {
      globalThis.gc?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { microseconds: processorTime(), residentSet: process.memoryUsage.rss() };
}
