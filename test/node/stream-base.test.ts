import { once } from 'node:events';
import http2, { type ClientHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { offerStreamBase } from '../../src/node/stream-base.ts';
import { endHeaders, endStream, frame, frameTypes, okStatus } from '../support/http2-frames.ts';
import { closeServers, faces, identity, listening, makeLocalhost, to } from '../support/node-faces.ts';

beforeAll(makeLocalhost);
afterEach(closeServers);

const ALPNProtocols = ['h2'];

/** A secure socket of ours whose peer is ours too, and what the server's socket of Node's own http2 answers. */
async function session(
  onStream: (stream: ServerHttp2Stream) => void,
): Promise<{ socket: TLSSocket; client: ClientHttp2Session }> {
  const server = http2.createServer();
  server.on('stream', onStream);
  const { port } = await listening(faces.tacit, { ...identity(), ALPNProtocols }, (socket) => {
    offerStreamBase(socket);
    server.emit('connection', socket);
  });
  const socket = faces.tacit.connect({ ...to(port), ALPNProtocols });
  await once(socket, 'secureConnect');
  offerStreamBase(socket);
  const client = http2.connect('https://localhost', { createConnection: () => socket });
  return { socket, client };
}

describe('node:http2 over sockets with a stream base of ours', () => {
  test('takes the sockets themselves, and shows them', async () => {
    const { socket, client } = await session((stream) => {
      const { encrypted, alpnProtocol } = stream.session!;
      const { remotePort } = stream.session!.socket;
      stream.respond({ said: JSON.stringify({ encrypted, alpnProtocol, remotePort }) });
      stream.end();
    });
    const request = client.request();
    const [headers] = await once(request, 'response');
    expect(JSON.parse(headers.said)).toEqual({
      encrypted: true,
      alpnProtocol: 'h2',
      remotePort: socket.localPort,
    });
    expect([client.encrypted, client.alpnProtocol]).toEqual([true, 'h2']);
    const shown = client.socket as TLSSocket;
    expect(Object.getPrototypeOf(shown)).toBe(Object.getPrototypeOf(socket));
    expect(shown.getPeerCertificate().subject).toEqual(socket.getPeerCertificate().subject);
    expect(shown.getProtocol()).toBe('TLSv1.3');
    request.resume();
    client.close();
    await once(client, 'close');
  });

  test('moves 5 MB each way at once, and closes in order', async () => {
    const body = Buffer.alloc(5_000_000, 'both ways ');
    const { socket, client } = await session((stream) => {
      stream.respond();
      stream.pipe(stream);
    });
    const request = client.request({ ':method': 'POST' });
    request.end(body);
    expect((await buffer(request)).equals(body)).toBe(true);
    const ended: string[] = [];
    socket.on('end', () => ended.push('end')).on('error', (error) => ended.push(error.message));
    client.close();
    await once(client, 'close');
    expect(ended).toEqual(['end']);
    expect(socket.destroyed).toBe(true);
  });

  test('learns that the socket is destroyed while a write is under way', async () => {
    let reachServer = (_stream: ServerHttp2Stream): void => {};
    const reached = new Promise<ServerHttp2Stream>((resolve) => {
      reachServer = resolve;
    });
    const { socket, client } = await session((stream) => {
      stream.on('error', () => {});
      reachServer(stream);
    });
    const errors: Error[] = [];
    client.on('error', (error) => errors.push(error));
    // Nothing of it is read, so that the windows and then the buffers fill up.
    const requests = Array.from({ length: 100 }, () => client.request({ ':method': 'POST' }));
    for (const request of requests) request.on('error', () => {}).write(Buffer.alloc(60_000));
    const stream = await reached;
    stream.session!.on('error', () => {});
    const closed = [client, stream.session!].map(
      (one) => new Promise((resolve) => one.once('close', resolve)),
    );
    socket.destroy(new Error('of the program'));
    await Promise.all(closed);
    expect(errors.map(({ message }) => message)).toEqual(['of the program']);
  });
});

test('a look at the handle takes nothing of what is received', async () => {
  const { port } = await listening(faces.tacit, { ...identity(), ALPNProtocols }, (socket) => {
    socket.end('for the program');
  });
  const socket = faces.tacit.connect({ ...to(port), ALPNProtocols });
  offerStreamBase(socket);
  await once(socket, 'secureConnect');
  expect((socket as unknown as { _handle: unknown })._handle).toBeTruthy();
  expect(socket.readableFlowing).toBe(null);
  expect(String(await buffer(socket))).toBe('for the program');
  // As Node's.
  expect((socket as unknown as { _handle: unknown })._handle).toBe(null);
});

test('a socket that gives strings is refused', async () => {
  const { port } = await listening(faces.tacit, { ...identity(), ALPNProtocols }, (socket) => {
    socket.end('text');
  });
  const socket = faces.tacit.connect({ ...to(port), ALPNProtocols });
  offerStreamBase(socket);
  socket.setEncoding('latin1');
  const { isStreamBase } = (socket as unknown as { _handle: { isStreamBase: boolean } })._handle;
  expect(isStreamBase).toBe(true);
  const [error] = await once(socket, 'error');
  expect(error.code).toBe('ERR_STREAM_WRAP');
});

/** What Node's native side has in its hands; here the test is in its place. */
interface Handle {
  readonly isStreamBase: boolean;
  onreadstart(): number;
  onreadstop(): number;
  readBuffer(received: Uint8Array): void;
}

/** A client's handle, and what its server writes. */
async function consumed(write: (socket: TLSSocket) => void): Promise<{ socket: TLSSocket; handle: Handle }> {
  const { port } = await listening(faces.tacit, { ...identity(), ALPNProtocols }, (socket) => {
    socket.once('data', () => write(socket));
  });
  const socket = faces.tacit.connect({ ...to(port), ALPNProtocols });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  socket.pause();
  const { _handle: handle } = socket as unknown as { readonly _handle: Handle };
  expect(handle.isStreamBase).toBe(true);
  socket.write('go on');
  return { socket, handle };
}

const count = 100;
/** Each of them ends a stream that has begun right before it. */
const answers = Array.from({ length: count }, (_, i) =>
  Buffer.concat([
    frame(frameTypes.headers, endHeaders, 1 + 2 * i, okStatus),
    frame(frameTypes.data, endStream, 1 + 2 * i, Buffer.from(`body ${i}`)),
  ]),
);
const all = Buffer.concat(answers);

describe('what is received in pieces', () => {
  test('comes several at a time, with other turns in between, and the program runs behind each', async () => {
    const { socket, handle } = await consumed((server) => server.write(all));
    let [received, turns, isOver] = [Buffer.alloc(0), 0, false];
    const [places, ran]: [number[], number[]] = [[], []];
    const nextTurn = (): void => {
      turns += 1;
      if (!isOver) setImmediate(nextTurn);
    };
    const whole = new Promise<void>((resolve) => {
      handle.readBuffer = (given) => {
        if (received.length === 0) setImmediate(nextTurn);
        received = Buffer.concat([received, given]);
        places.push(turns);
        expect(ran).toHaveLength(places.length - 1);
        // What a program does when it hears of something takes a tick, and promises behind it.
        process.nextTick(async () => {
          await null;
          await null;
          ran.push(turns);
        });
        if (received.length === all.length) resolve();
      };
    });
    handle.onreadstart();
    await whole;
    isOver = true;
    expect(received.equals(all)).toBe(true);
    expect(places).toHaveLength(count + 1);
    const most = Math.max(...places.map((turn) => places.filter((other) => other === turn).length));
    expect(most).toBeGreaterThan(8);
    expect(most).toBeLessThan(40);
    socket.destroy();
  });

  test('waits as long as the consumer has stopped, and goes on where it was', async () => {
    const { socket, handle } = await consumed((server) => server.write(all));
    let received = Buffer.alloc(0);
    let isStopped = false;
    const whole = new Promise<void>((resolve) => {
      handle.readBuffer = (given) => {
        expect(isStopped).toBe(false);
        received = Buffer.concat([received, given]);
        if (received.length === all.length) resolve();
        isStopped = true;
        handle.onreadstop();
        // Longer than all of it would take.
        let turns = 3;
        const wait = (): void => {
          turns -= 1;
          if (turns > 0) setImmediate(wait);
          else {
            isStopped = false;
            handle.onreadstart();
          }
        };
        setImmediate(wait);
      };
    });
    handle.onreadstart();
    await whole;
    expect(received.equals(all)).toBe(true);
    socket.destroy();
  });

  test('holds its sender back while the consumer has stopped', async () => {
    let sent = 0;
    const { socket, handle } = await consumed((server) => {
      const more = (): void => {
        do sent += all.length;
        while (server.write(all) && sent < 50_000_000);
        if (sent < 50_000_000) server.once('drain', more);
      };
      server.on('error', () => {});
      more();
    });
    handle.readBuffer = () => {
      handle.onreadstop();
    };
    handle.onreadstart();
    let before = -1;
    // Until the sender stands still.
    while (sent !== before) {
      before = sent;
      for (let i = 0; i < 50; i++) await new Promise(setImmediate);
    }
    expect(sent).toBeLessThan(50_000_000);
    expect(socket.bytesRead).toBeLessThan(400_000);
    socket.destroy();
  });

  test('goes to nobody once the socket is destroyed', async () => {
    const { socket, handle } = await consumed((server) => server.write(all));
    let pieces = 0;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    handle.readBuffer = () => {
      pieces += 1;
      if (pieces === 3) socket.destroy();
    };
    handle.onreadstart();
    await closed;
    for (let i = 0; i < count; i++) await new Promise(setImmediate);
    expect(pieces).toBe(3);
  });

  test.each(['with', 'without'])('comes before its end, %s close_notify', async (how) => {
    const { socket, handle } = await consumed((server) => {
      if (how === 'with') server.end(all);
      else server.write(all, () => server.destroy());
    });
    let received = 0;
    handle.readBuffer = (given) => {
      received += given.length;
    };
    const ends: unknown[] = [];
    for (const name of ['end', 'error']) socket.on(name, () => ends.push([name, received]));
    handle.onreadstart();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(ends).toEqual([[how === 'with' ? 'end' : 'error', all.length]]);
  });

  test('is left behind by one who resumes a socket whose consumer has stopped: the end comes', async () => {
    const { socket, handle } = await consumed((server) => server.end(all));
    let isFirst = true;
    handle.readBuffer = () => {
      if (!isFirst) return;
      isFirst = false;
      handle.onreadstop();
      setImmediate(() => socket.resume());
    };
    handle.onreadstart();
    await new Promise((resolve) => socket.once('end', resolve));
  });
});
