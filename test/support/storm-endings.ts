import type { Socket } from 'node:net';
import { TlsError, TlsTruncatedError } from '../../src/base/errors.ts';
import type { ByteStream } from '../../src/streams/byte-stream.ts';
import { BrokenError } from '../../src/streams/errors.ts';
import type { TlsStream } from '../../src/streams/tls-stream.ts';
import type { SeededRandom } from '../../src/testing/random.ts';
import { turnsOfTheEventLoop } from './sockets.ts';

/** Two streams after their handshake, and what they may send each other. */
export interface Meeting {
  readonly client: TlsStream;
  readonly server: TlsStream;
  readonly up: Uint8Array;
  readonly down: Uint8Array;
  readonly random: SeededRandom;
}

/** A way for two Tacit streams to end; throws where something that it promises did not hold. */
export interface Ending {
  readonly kind: 'pair';
  /** The server requires a certificate that the client does not have. */
  readonly isRefused?: boolean;
  run(meeting: Meeting): Promise<void>;
}

/** A way for a Tacit stream to end whose peer is a plain socket, and vanishes before the handshake is done. */
export interface Lonely {
  readonly kind: 'lonely';
  readonly role: 'client' | 'server';
  run(stream: TlsStream, socket: Socket, random: SeededRandom): Promise<void>;
}

interface Side {
  readonly stream: TlsStream;
  readonly payload: Uint8Array;
}

/** The side that ends first, and the other one. */
type Play = (first: Side, second: Side, random: SeededRandom) => Promise<void>;

export const endings: readonly (readonly [string, Ending])[] = [
  ...eitherFirst('both write, read to the end and close', async (first, second, random) => {
    await Promise.all([
      exchange(first.stream, first.payload, second.payload, random),
      exchange(second.stream, second.payload, first.payload, random),
    ]);
  }),
  ...eitherFirst('both close at once', async (first, second, random) => {
    await Promise.all([first, second].map(({ stream, payload }) => writeAndClose(stream, payload, random)));
  }),
  ...eitherFirst('one closes while the other writes', async (first, second, random) => {
    const upload = writeAndClose(first.stream, first.payload, random);
    const writing = write(second.stream, second.payload, random);
    expectEqual(await read(second.stream, random), first.payload);
    await writing;
    await closed(second.stream);
    await upload;
  }),
  ...eitherFirst('one only writes, the other only reads', async (first, second, random) => {
    const upload = writeAndClose(first.stream, first.payload, random);
    expectEqual(await read(second.stream, random), first.payload);
    await closed(second.stream);
    await upload;
  }),
  ...eitherFirst('one ends its writing, and is answered', async (first, second, random) => {
    const answered = (async () => {
      expectEqual(await read(second.stream, random), first.payload);
      await writeAndClose(second.stream, second.payload, random);
    })();
    await write(first.stream, first.payload, random);
    await first.stream.closeWrite();
    expectEqual(await read(first.stream, random), second.payload);
    await closed(first.stream);
    await answered;
  }),
  ...eitherFirst('one destroys', async (first, second, random) => {
    const parts: Uint8Array[] = [];
    const reading = collect(second.stream, random, parts).catch((reason: unknown) => reason);
    await write(first.stream, first.payload, random);
    first.stream.destroy();
    const error = await reading;
    if (!(error instanceof BrokenError || error instanceof TlsTruncatedError)) {
      throw new Error(`a reset passed for an end: ${error}`);
    }
    const received = Buffer.concat(parts);
    expectEqual(received, first.payload.subarray(0, received.length));
    // Whether it was seen as a reset or as a bare end depends on the system.
    await second.stream.close().catch(() => {});
  }),
  ['a client is refused', { kind: 'pair', isRefused: true, run: refuse }],
];

export const lonelyEndings: readonly (readonly [string, Lonely])[] = (['client', 'server'] as const).flatMap(
  (role) => [
    [`the peer of a ${role} says nothing and ends`, vanishing(role, endSocket)] as const,
    [`the peer of a ${role} says nothing and resets`, vanishing(role, resetSocket)] as const,
    [`the peer of a ${role} talks nonsense and is gone`, vanishing(role, talkNonsense)] as const,
  ],
);

/** The same with the client, and with the server, in the first role. */
function eitherFirst(name: string, play: Play): (readonly [string, Ending])[] {
  const run = ({ client, server, up, down, random }: Meeting, isClientFirst: boolean): Promise<void> => {
    const sides: readonly [Side, Side] = [
      { stream: client, payload: up },
      { stream: server, payload: down },
    ];
    const [first, second] = isClientFirst ? sides : [sides[1], sides[0]];
    return play(first, second, random);
  };
  return [
    [`${name}, client first`, { kind: 'pair', run: (meeting) => run(meeting, true) }],
    [`${name}, server first`, { kind: 'pair', run: (meeting) => run(meeting, false) }],
  ];
}

async function refuse({ client, server, up, random }: Meeting): Promise<void> {
  const refused = rejectionOf(server.handshake());
  const error = await rejectionOf(writeAndClose(client, up, random));
  expectField(error, 'alert', 'certificate_required');
  expectField(error, 'direction', 'received');
  expectField(await refused, 'check', 'missing');
  if ((await rejectionOf(server.close())) !== (await refused)) throw new Error('close() said something else');
}

function vanishing(
  role: 'client' | 'server',
  vanish: (socket: Socket, random: SeededRandom) => void,
): Lonely {
  return {
    kind: 'lonely',
    role,
    async run(stream, socket, random) {
      socket.on('error', () => {});
      const gone = new Promise((resolve) => socket.once('close', resolve));
      const failed = rejectionOf(stream.handshake());
      await pause(random);
      vanish(socket, random);
      const error = await failed;
      if (!(error instanceof TlsError || error instanceof BrokenError))
        throw new Error(`no reason: ${error}`);
      await rejectionOf(stream.close());
      await gone;
    },
  };
}

function endSocket(socket: Socket): void {
  socket.resume();
  socket.end();
}

function resetSocket(socket: Socket): void {
  socket.resetAndDestroy();
}

function talkNonsense(socket: Socket, random: SeededRandom): void {
  const bytes = random.bytes(random.integer(1, 2_000));
  // Half of it begins like a record of the handshake.
  if (random.integer(0, 1) === 0) bytes.set([22, 3, 1, 4, 0].slice(0, bytes.length));
  socket.write(bytes);
  socket.resume();
  socket.end();
}

/** Writes and reads at the same time, each to its end. */
async function exchange(
  stream: TlsStream,
  outgoing: Uint8Array,
  incoming: Uint8Array,
  random: SeededRandom,
): Promise<void> {
  const sent = write(stream, outgoing, random).then(() => stream.closeWrite());
  expectEqual(await read(stream, random), incoming);
  await sent;
  await closed(stream);
}

async function writeAndClose(stream: TlsStream, payload: Uint8Array, random: SeededRandom): Promise<void> {
  await write(stream, payload, random);
  await closed(stream);
}

/** In pieces of any length, with pauses. */
async function write(stream: TlsStream, payload: Uint8Array, random: SeededRandom): Promise<void> {
  for (let offset = 0; offset < payload.length; ) {
    const length = random.integer(1, payload.length);
    await stream.write(payload.subarray(offset, offset + length));
    offset += length;
    await pause(random);
  }
}

async function read(stream: TlsStream, random: SeededRandom): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  await collect(stream, random, parts);
  return Buffer.concat(parts);
}

async function collect(stream: ByteStream, random: SeededRandom, parts: Uint8Array[]): Promise<void> {
  for await (const bytes of stream) {
    parts.push(bytes);
    await pause(random);
  }
}

async function closed(stream: TlsStream): Promise<void> {
  expectField(await stream.close(), 'ended', 'close_notify');
}

/** Often none. */
function pause(random: SeededRandom): Promise<void> {
  return turnsOfTheEventLoop(Math.max(0, random.integer(-2, 3)));
}

async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  const value = await promise.catch((reason: unknown) => ({ reason }));
  if (typeof value === 'object' && value !== null && 'reason' in value) return value.reason;
  throw new Error(`it did not fail, but gave ${JSON.stringify(value)}`);
}

function expectEqual(actual: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(actual, expected) !== 0) {
    throw new Error(`${actual.length} bytes came of ${expected.length}, or other ones`);
  }
}

function expectField(value: unknown, field: string, expected: unknown): void {
  const actual = (value as Record<string, unknown> | undefined)?.[field];
  if (actual !== expected) throw new Error(`${field} is ${actual}, not ${expected} (${value})`);
}
