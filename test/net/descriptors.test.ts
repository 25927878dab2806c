import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { descriptorLimit, hasLastDescriptor, reservedDescriptors } from '../../src/net/descriptors.ts';
import { droppedByPeer } from '../support/endpoints.ts';
import { socketPair } from '../support/sockets.ts';
import { serverPem } from '../support/tls-endpoints.ts';

const children = new Set<ChildProcess>();
const sockets = new Set<Socket>();

const directory = mkdtempSync(join(tmpdir(), 'tacit-test-'));
const program = join(directory, 'program.mjs');

beforeAll(() => {
  // Not every Node that runs the tests can run TypeScript.
  buildSync({
    entryPoints: [fileURLToPath(new URL('../support/few-descriptors.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    format: 'esm',
    platform: 'node',
  });
});
afterAll(() => rmSync(directory, { recursive: true }));

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  for (const socket of sockets) socket.destroy();
  children.clear();
  sockets.clear();
});

/** A listener in a process that may have few descriptors. */
async function startProgram(limit: number) {
  const command = `ulimit -n ${limit} && exec "$0" "$1"`;
  const child = spawn('/bin/sh', ['-c', command, process.execPath, program], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, CERT: serverPem.cert, KEY: serverPem.key },
  });
  children.add(child);
  const answer = async (): Promise<Record<string, unknown>> => {
    const [message] = await once(child, 'message');
    return message as Record<string, unknown>;
  };
  const { port } = await answer();
  const ask = async (what: string): Promise<Record<string, unknown>> => {
    const answered = answer();
    child.send(what);
    return answered;
  };
  const dial = (): Socket => {
    const socket = createConnection({ port: port as number, host: '127.0.0.1' });
    socket.on('error', () => {});
    sockets.add(socket);
    return socket;
  };
  return { ask, dial };
}

describe.runIf(process.platform === 'linux')('at the limit of descriptors', () => {
  test('what connections alone use up is reported, and the listener accepts again when some are free', async () => {
    const { ask, dial } = await startProgram(64);
    for (let i = 0; i < 64; i++) {
      const socket = dial();
      socket.resume();
      await new Promise<unknown>((resolve) => socket.once('connect', resolve).once('close', resolve));
    }
    const last = dial();
    await droppedByPeer(last);
    const full = await ask('report');
    expect(full['accepted']).toBeGreaterThan(10);
    expect(full['codes']).toEqual(['EMFILE']);
    expect(full['reports']).toBe(65 - Number(full['accepted']));
    // The rest of the process still has its descriptors.
    expect(await ask('open a file')).toEqual({ opened: true });
    await ask('drop the connections');
    const another = ask('say when the next one is accepted');
    dial();
    await another;
    expect(await ask('report')).toMatchObject({ accepted: Number(full['accepted']) + 1 });
  });

  test('where the rest of the process has them all, Node sheds silently; afterwards the listener accepts again', async () => {
    const { ask, dial } = await startProgram(64);
    expect(await ask('take all descriptors')).toMatchObject({ code: 'EMFILE' });
    await Promise.all([1, 2, 3].map(() => droppedByPeer(dial())));
    await ask('give them back');
    const one = ask('say when the next one is accepted');
    dial();
    await one;
    expect(await ask('report')).toMatchObject({ accepted: 1 });
  });
});

describe.runIf(process.platform === 'linux')('the last descriptors', () => {
  test('are told by the number of the newest', async () => {
    const { socket } = await socketPair();
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
    expect(fd).toBeGreaterThan(0);
    expect(hasLastDescriptor(socket, fd + reservedDescriptors)).toBe(true);
    expect(hasLastDescriptor(socket, fd + reservedDescriptors + 1)).toBe(false);
    expect(hasLastDescriptor(socket, Number.POSITIVE_INFINITY)).toBe(false);
    socket.destroy();
    expect(hasLastDescriptor(socket, 0)).toBe(false);
  });

  test('count against the limit of this process', () => {
    expect(descriptorLimit()).toBeGreaterThan(reservedDescriptors);
  });
});
