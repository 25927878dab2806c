import fc from 'fast-check';
import { utf8 } from '../../../src/base/bytes.ts';
import type { TlsStream } from '../../../src/streams/tls-stream.ts';
import { SeededRandom } from '../../../src/testing/random.ts';
import { turn } from '../../../src/testing/turn.ts';
import { memoryStreamPair, type TestStream } from '../../../src/testing.ts';
import type { ProtocolVersion } from '../../../src/wire/names.ts';
import type { Pair } from '../../support/engine.ts';
import { fromHex } from '../../support/hex.ts';
import { type ProtectedRecords, RawRecords } from '../../support/raw-peer.ts';
import { peer } from '../../support/tls-endpoints.ts';
import { Tls12RawPeer } from '../../support/tls12.ts';
import { type Budget, parameters } from '../support/budget.ts';
import { type Configs, Counted, configsOf } from '../support/ends.ts';
import { ForeignStream } from '../support/foreign.ts';
import type { Library } from '../support/library.ts';
import { quiet } from '../support/play.ts';
import { type Move, moves, wireOf } from './silence-moves.ts';

/** What we do afterwards. */
type Act = 'write' | 'updateKeys' | 'sendTickets' | 'closeWrite' | 'close';

interface Scene {
  readonly version: ProtocolVersion;
  readonly role: 'client' | 'server';
  readonly moves: readonly Move[];
  /** How the bytes of all moves are cut; 0: not at all. */
  readonly cut: number;
  readonly transportEnd: 'no' | 'FIN' | 'RST';
  readonly isRead: boolean;
  readonly act: Act;
}

const scenes = (version: ProtocolVersion): fc.Arbitrary<Scene> =>
  fc.record({
    version: fc.constant(version),
    role: fc.constantFrom('client' as const, 'server' as const),
    moves: fc.array(moves(version), { maxLength: 40, size: 'large' }),
    cut: fc.constantFrom(0, 1, 30, 1_000),
    transportEnd: fc.constantFrom('no' as const, 'no' as const, 'FIN' as const, 'RST' as const),
    isRead: fc.boolean(),
    act: fc.constantFrom(
      'write' as const,
      'updateKeys' as const,
      'sendTickets' as const,
      'closeWrite' as const,
      'close' as const,
    ),
  });

/** Tickets that the server owes, and those that `sendTickets` of the scene asks for. */
const owed = 2;
const extra = 3;

/**
 * Whatever a peer does after the handshake, an endpoint that does not write emits nothing, or one fatal alert and
 * nothing else. Its next write carries what it owes, ahead of its data; after an alert it fails.
 *
 * @returns how often there was an alert of ours, one of the peer's, and a write
 */
export async function checkSilence(
  library: Library,
  budget: Budget,
): Promise<{ readonly alerts: number; readonly refusals: number; readonly writes: number }> {
  const secrets = new Map<string, Uint8Array>();
  const keyLog = (line: string): void => {
    const [label = '', , secret = ''] = line.split(' ');
    secrets.set(label, fromHex(secret));
  };
  const { version = 'TLSv1.3' } = budget;
  const settings = { client: { keyLog }, server: { keyLog, tickets: { count: owed } } };
  const configs = configsOf(library, settings, version);
  const count = { alerts: 0, refusals: 0, writes: 0 };
  await fc.assert(
    fc.asyncProperty(scenes(version), async (scene) => {
      secrets.clear();
      const stage = await connect(library, configs, scene.role);
      const raw =
        version === 'TLSv1.3'
          ? new RawRecords({ role: scene.role, secrets })
          : tls12Records(scene, stage, secrets);
      try {
        await playScene(scene, stage, raw, count);
      } finally {
        stage.stream.destroy();
        stage.far.destroy();
      }
    }),
    parameters(budget),
  );
  return count;
}

/** Who has seen all that both ends wrote, and the key log, can take the place of one. */
function tls12Records(
  { role }: Scene,
  { stream, near, far }: Stage,
  secrets: Map<string, Uint8Array>,
): ProtectedRecords {
  const [own, other] = [near, far].map(({ writes }) => ({ writes, secrets, info: stream.info }));
  const pair = role === 'client' ? { client: own, server: other } : { client: other, server: own };
  return new Tls12RawPeer(pair as unknown as Pair, role);
}

interface Stage {
  readonly stream: TlsStream;
  readonly near: TestStream;
  readonly far: TestStream;
  /** All that can happen in memory has happened. */
  readonly settled: () => Promise<void>;
}

async function connect(library: Library, configs: Configs, role: 'client' | 'server'): Promise<Stage> {
  const { TlsStream, TlsConnection } = library;
  const [near, far] = memoryStreamPair();
  let moved = 0;
  const counted = new Counted(near, () => {
    moved += 1;
  });
  const stream =
    role === 'client'
      ? TlsStream.client(counted, configs.client, peer)
      : TlsStream.server(counted, configs.server);
  const engine =
    role === 'client' ? TlsConnection.server(configs.server) : TlsConnection.client(configs.client, peer);
  await Promise.all([stream.handshake(), new ForeignStream(engine, far).handshake()]);
  return { stream, near, far, settled: () => quiet(() => moved, undefined, 6) };
}

async function playScene(
  scene: Scene,
  { stream, near, far, settled }: Stage,
  raw: ProtectedRecords,
  count: { alerts: number; refusals: number; writes: number },
): Promise<void> {
  const before = near.writes.length;
  const emitted = (from: number): string[] =>
    near.writes.slice(from).flatMap((output) => raw.hear({ output }));
  const requests = await deliver(scene, far, raw);
  await settled();
  if (scene.isRead) await drained(stream);
  await settled();
  const unasked = emitted(before);
  const { failure } = stream as { readonly failure: (Error & { readonly direction?: string }) | undefined };
  if (failure?.direction === 'sent') {
    count.alerts += 1;
    must(unasked.length === 1 && /^fatal /.test(unasked[0] ?? ''), `one fatal alert, but: ${unasked}`);
  } else {
    must(unasked.length === 0, `silence, but: ${unasked}`);
  }
  const writes = near.writes.length;
  const outcome = await act(stream, scene.act);
  await settled();
  const said = emitted(writes);
  if (failure !== undefined) {
    count.refusals += failure.direction === 'received' ? 1 : 0;
    must(scene.act === 'close' || outcome === failure, `the write fails with the alert, but: ${outcome}`);
    must(said.length === 0, `nothing behind an alert, but: ${said}`);
  } else if (scene.version === 'TLSv1.2' && hasEnded(scene) && scene.act === 'write') {
    count.writes += 1;
    must(isPeersEnd(outcome), `the write fails with the peer's close_notify, but: ${outcome}`);
    must(said.length === 0, `nothing for who reads no more, but: ${said}`);
  } else if (scene.transportEnd !== 'RST') {
    count.writes += 1;
    must(near.writes.length <= writes + 1, 'one write of the application is one write of the transport');
    const expected = expectedOf(scene, requests > 0);
    must(said.join() === expected.join(), `${scene.act} says ${expected}, but: ${said}`);
  }
}

/** What an application write says, in order. */
function expectedOf(scene: Scene, isRequested: boolean): readonly string[] {
  const { act: what, role, version } = scene;
  if (version === 'TLSv1.2')
    return { write: ['data "x"'], closeWrite: [farewell], close: [farewell] }[what as string] ?? [];
  const tickets = (of: number): string[] => (role === 'server' ? Array(of).fill('new_session_ticket') : []);
  const acknowledgement = isRequested ? ['key_update update_not_requested'] : [];
  switch (what) {
    case 'write':
      return [...acknowledgement, ...tickets(owed), 'data "x"'];
    case 'updateKeys':
      return [...acknowledgement, ...tickets(owed), 'key_update update_requested'];
    case 'sendTickets':
      return role === 'server' ? [...acknowledgement, ...tickets(owed + extra)] : [];
    case 'closeWrite':
    case 'close':
      // They hurt nobody where the peer's end has been read, and would where it has not.
      return [...(hasEnded(scene) ? tickets(owed) : []), farewell];
  }
}

const farewell = 'warning close_notify';

function hasEnded({ moves: made }: Scene): boolean {
  return made.some(({ kind }) => kind === 'closeNotify');
}

/** TLS 1.2 has no half-close. */
function isPeersEnd(outcome: unknown): boolean {
  return outcome instanceof Error && 'alert' in outcome && outcome.alert === 'close_notify';
}

/** Gives the number of KeyUpdates that asked for ours before the peer ended or erred. */
async function deliver(scene: Scene, far: TestStream, raw: ProtectedRecords): Promise<number> {
  const records: Uint8Array[] = [];
  let requests = 0;
  let isOver = false;
  for (const move of scene.moves) {
    records.push(wireOf(move, raw, scene.role));
    if (move.kind === 'keyUpdate' && move.isRequest && !isOver) requests += 1;
    if (move.kind === 'closeNotify') isOver = true;
  }
  const wire = Buffer.concat(records);
  const random = new SeededRandom(scene.cut);
  for (let offset = 0; offset < wire.length; ) {
    const length = scene.cut === 0 ? wire.length : random.integer(1, 1 + scene.cut);
    await far.write(new Uint8Array(wire.subarray(offset, offset + length)));
    offset += length;
  }
  if (scene.transportEnd === 'FIN') await far.closeWrite();
  if (scene.transportEnd === 'RST') far.destroy();
  return requests;
}

async function act(stream: TlsStream, what: Act): Promise<unknown> {
  const call = {
    write: () => stream.write(utf8('x')),
    updateKeys: () => stream.updateKeys().catch(onlyTls13),
    sendTickets: () => stream.sendTickets(extra).catch(onlyServers),
    closeWrite: () => stream.closeWrite(),
    // It waits for the peer's end; what it says is there at once.
    close: async () => void stream.close().catch(() => {}),
  }[what];
  return call().then(
    () => 'done',
    (reason: unknown) => reason,
  );
}

function onlyServers(reason: unknown): void {
  if (!(reason instanceof Error && reason.message.includes('only a server'))) throw reason;
}

function onlyTls13(reason: unknown): void {
  if (!(reason instanceof Error && reason.message.includes('TLS 1.2 cannot'))) throw reason;
}

/** Reads until nothing more is there at once. */
async function drained(stream: TlsStream): Promise<void> {
  for (let isThere = true; isThere; ) {
    const abort = new AbortController();
    const read = stream.read({ signal: abort.signal }).then(
      (bytes) => bytes !== null,
      () => false,
    );
    await turn();
    abort.abort();
    isThere = await read;
  }
}

function must(condition: boolean, expected: string): void {
  if (!condition) throw new Error(`expected ${expected}`);
}
