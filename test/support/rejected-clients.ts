import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { connect } from '../../src/net/connect.ts';
import { listen, type TlsListener } from '../../src/net/listen.ts';
import { serve } from '../../src/net/serve.ts';
import { rootPem, serverPem } from './tls-endpoints.ts';

/** How many clients upload at once: fewer than a small machine notices. */
const atOnce = 10;

/** A server that misses every client's certificate. */
export interface RefusingServer {
  readonly listener: TlsListener;
  /** Why it refused, client by client. */
  readonly refusals: unknown[];
}

export async function refusingServer(): Promise<RefusingServer> {
  const options = { host: '127.0.0.1', identity: serverPem, ca: rootPem } as const;
  const listener = await listen({ ...options, clientAuthentication: 'require' }, nodeCrypto);
  const refusals: unknown[] = [];
  void serve(listener, () => {}, { onError: (error) => refusals.push(error) });
  return { listener, refusals };
}

/** What uploads of `length` bytes by Tacit, which reads by itself, fail with. */
export async function refuseTacit(
  { listener }: RefusingServer,
  rounds: number,
  length: number,
): Promise<unknown[]> {
  const data = new Uint8Array(length);
  const upload = async (): Promise<unknown> => {
    const stream = await connect({ ...listener.address, ca: rootPem, sessions: false }, nodeCrypto);
    try {
      await stream.write(data);
      return await stream.close();
    } catch (error) {
      return error;
    } finally {
      stream.destroy();
    }
  };
  const outcomes: unknown[] = [];
  for (let done = 0; done < rounds; done += atOnce) {
    outcomes.push(...(await Promise.all(Array.from({ length: atOnce }, upload))));
  }
  return outcomes;
}

/**
 * The codes that uploads of `length` bytes by node:tls, with a 'data' listener, fail with. In a thread of their own:
 * in ours a client would never write between the server's alert and what follows it.
 */
export async function refuseNode(
  { listener }: RefusingServer,
  rounds: number,
  length: number,
): Promise<unknown[]> {
  const workerData = { ...listener.address, ca: rootPem, rounds, length };
  const worker = new Worker(nodeClient, { eval: true, workerData });
  try {
    const [codes] = await once(worker, 'message');
    return codes as unknown[];
  } finally {
    await worker.terminate();
  }
}

const nodeClient = `
const { parentPort, workerData } = require('node:worker_threads');
const { connect } = require('node:tls');
const { rounds, length, ...target } = workerData;
const data = Buffer.alloc(length);

const upload = () => new Promise((resolve) => {
  const socket = connect({ ...target, minVersion: 'TLSv1.3' }, () => socket.end(data));
  socket.on('data', () => {});
  socket.on('error', (error) => resolve(error.code));
  socket.on('close', () => resolve('closed'));
});

(async () => {
  const codes = [];
  for (let round = 0; round < rounds; round++) codes.push(await upload());
  parentPort.postMessage(codes);
})();
`;
