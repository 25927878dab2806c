import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  bytesOf,
  closeServers,
  faces,
  identity,
  listening,
  makeLocalhost,
  pairs,
  to,
} from '../support/node-faces.ts';

beforeAll(makeLocalhost);
afterEach(closeServers);

const length = 2_000_000;
const rounds = 20;

// Node's own client at Node's own server loses data in nearly all of these.
describe.each(pairs)(
  'uploads from a client of %s to a server of %s, which only writes',
  (clientName, serverName) => {
    test.each(['TLSv1.3', 'TLSv1.2'] as const)('arrive whole over %s', async (maxVersion) => {
      const received: Promise<Buffer>[] = [];
      const { port } = await listening(faces[serverName], identity(), (socket) =>
        received.push(bytesOf(socket)),
      );
      for (let round = 0; round < rounds; round++) {
        const socket: TLSSocket = faces[clientName].connect({ ...to(port), maxVersion });
        await once(socket, 'secureConnect');
        socket.pause();
        socket.end(Buffer.alloc(length, round + 1));
        await once(socket, 'finish');
        socket.destroy();
      }
      await expect.poll(() => received.length).toBe(rounds);
      for (const [round, bytes] of (await Promise.all(received)).entries()) {
        expect(bytes.equals(Buffer.alloc(length, round + 1))).toBe(true);
      }
    });
  },
);

test.each(['tacit', 'node'] as const)(
  'a server that reads by `for await` ends a client of %s well',
  async (clientName) => {
    let received = 0;
    const { port } = await listening(faces.tacit, identity(), async (socket) => {
      for await (const data of socket) received += data.length;
    });
    const socket = faces[clientName].connect(to(port));
    socket.end(Buffer.alloc(length));
    expect(await bytesOf(socket)).toHaveLength(0);
    await expect.poll(() => received).toBe(length);
  },
);

test.each(['tacit', 'node'] as const)(
  'what was written before destroy() reaches a client of %s, and is no end',
  async (clientName) => {
    const { port } = await listening(faces.tacit, identity(), (socket) => {
      socket.write('the last words');
      socket.destroy(new Error('of the server'));
    });
    const socket = faces[clientName].connect(to(port));
    let text = '';
    socket.on('data', (data) => {
      text += data;
    });
    const ends: string[] = [];
    socket
      .on('end', () => ends.push('end'))
      .on('error', (error: NodeJS.ErrnoException) => ends.push(String(error.code)));
    await new Promise((resolve) => socket.once('close', resolve));
    expect(text).toBe('the last words');
    // Node does not look.
    expect(ends).toEqual([clientName === 'node' ? 'end' : 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING']);
  },
);
