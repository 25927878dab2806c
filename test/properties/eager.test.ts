import { describe, expect, test } from 'vitest';
import type { ProtocolVersion } from '../../src/wire/names.ts';
import { checkEquivalence } from './laws/equivalence.ts';
import { checkForeignPeer } from './laws/foreign-peer.ts';
import { checkHeldDrain } from './laws/held-drain.ts';
import { fight, type Program } from './laws/lockstep.ts';
import { checkPrefix } from './laws/prefix.ts';
import { checkSilence } from './laws/silence.ts';
import { timeLimit } from './support/budget.ts';
import { lockstep, type Transport, tcpModels } from './support/ends.ts';
import { ForeignStream } from './support/foreign.ts';
import { type Breakage, type Library, library, withBroken } from './support/library.ts';
import { scripts } from './support/script.ts';

/** Few runs do, and any counterexample. */
const budget = { runs: 60, seed: 11, stopsAtOnce: true };

/** A write-only client that reads nothing by itself, and a server that receives: the program that it is all about. */
async function oneWay(
  library: Library,
  transport: Transport,
  asksForKeys = false,
  version?: ProtocolVersion,
): Promise<void> {
  const upload: Program = async (client) => {
    await client.handshake();
    if (asksForKeys && client instanceof ForeignStream) await client.updateKeys();
    await client.write(new Uint8Array(5_000));
    await client.close();
  };
  const receive: Program = async (server) => {
    await server.handshake();
    let count = 0;
    for await (const bytes of server) count += bytes.length;
    if (count !== 5_000) throw new Error(`${count} bytes came`);
  };
  await fight(library, { transport, hasForeignClient: true, version, programs: [upload, receive] });
}

const tcp = tcpModels.find(({ name }) => name.includes('small buffers, keep')) ?? lockstep;

interface Case {
  readonly engine: string;
  readonly breakages: readonly Breakage[];
  readonly found: Readonly<Record<string, (library: Library) => Promise<unknown>>>;
}

const cases: readonly Case[] = [
  {
    engine:
      'that writes its tickets eagerly, as OpenSSL does, and is done with its handshake when they are written',
    breakages: [
      {
        file: 'connection/outbox.ts',
        code: '    this.#tickets = tickets;\n',
        instead: '    this.#tickets = tickets;\n    this.#sendOwed();\n',
      },
      {
        file: 'streams/link.ts',
        code: 'this.handshake.resolve(event.info);',
        instead: 'void this.flush().then(() => this.handshake.resolve(event.info));',
      },
    ],
    found: {
      silence: (broken) => checkSilence(broken, budget),
      'the upload on the TCP model': (broken) => oneWay(broken, tcp),
      'the upload on lockstep': (broken) => oneWay(broken, lockstep),
      'the peer that does not drain': (broken) => checkForeignPeer(broken, budget),
    },
  },
  {
    engine: 'that answers a KeyUpdate when it reads it',
    breakages: [
      {
        file: 'connection/outbox.ts',
        code: 'if (isRequest) this.#acknowledgementOwed = true;',
        instead: 'if (isRequest) this.#sendKeyUpdate(false);',
      },
    ],
    found: {
      silence: (broken) => checkSilence(broken, budget),
      'the upload on the TCP model': (broken) => oneWay(broken, tcp, true),
    },
  },
  {
    engine: 'that awaits its farewell before it drains',
    breakages: [
      {
        file: 'streams/inbox.ts',
        code: '    this.#cost = 0;\n',
        instead: '    this.#cost = this.#limit;\n',
      },
      {
        file: 'streams/ending.ts',
        code: 'else link.drain();',
        instead: '',
      },
      {
        file: 'streams/ending.ts',
        code: 'if (!this.#isHopeless(clock)) void this.#sayFarewell();',
        instead: 'if (!this.#isHopeless(clock)) await this.#sayFarewell();\n      link.drain();',
      },
    ],
    found: {
      equivalence: (broken) => checkEquivalence(broken, { ...budget, scripts, transports: [lockstep, tcp] }),
    },
  },
  {
    engine: 'that sends tickets with an early closeWrite',
    breakages: [
      {
        file: 'connection/outbox.ts',
        code: "if (stage === 'peerClosed' && this.#tickets?.mayLeaveOnClose)",
        instead: 'if (this.#tickets?.mayLeaveOnClose)',
      },
    ],
    found: { silence: (broken) => checkSilence(broken, budget) },
  },
  {
    engine: 'that closes at the byte bound of its drain instead of pausing',
    breakages: [
      {
        file: 'streams/ending.ts',
        code: 'if (fatal !== undefined || isStopped || clock.expired) return true;',
        instead:
          'if (fatal !== undefined || isStopped || clock.expired || this.#link.drainedBytes >= this.#limits.bytes) return true;',
      },
    ],
    found: { 'the bounded drain': (broken) => checkHeldDrain(broken, budget) },
  },
  {
    engine: 'that answers a HelloRequest with no_renegotiation, as OpenSSL does in TLS 1.2',
    breakages: [
      {
        file: 'connection/tls-connection.ts',
        code: '        const session = this.#established.later.handle(message, this.#joiner.isEmpty);\n',
        instead:
          "        if (this.#version === 'TLSv1.2') this.#outbox.sendFatalAlert('no_renegotiation');\n        const session = this.#established.later.handle(message, this.#joiner.isEmpty);\n",
      },
    ],
    found: { silence: (broken) => checkSilence(broken, { ...budget, version: 'TLSv1.2' }) },
  },
  {
    engine: 'that answers close_notify at once, as RFC 5246 §7.2.1 has it',
    breakages: [
      {
        file: 'connection/tls-connection.ts',
        code: "    this.#tell({ type: 'end' });\n",
        instead:
          "    this.#tell({ type: 'end' });\n    if (this.#version === 'TLSv1.2') this.#outbox.closeWrite('open');\n",
      },
    ],
    found: { silence: (broken) => checkSilence(broken, { ...budget, version: 'TLSv1.2' }) },
  },
  {
    engine: 'that goes on writing in TLS 1.2 when the peer has ended',
    breakages: [
      {
        file: 'connection/tls-connection.ts',
        code: '    if (this.#peerReadsNoMore) throw this.#peerReadsNoMore;\n',
        instead: '',
      },
    ],
    found: { silence: (broken) => checkSilence(broken, { ...budget, version: 'TLSv1.2' }) },
  },
  {
    engine: 'that takes the end of the transport for an end, in TLS 1.2',
    breakages: [
      {
        file: 'streams/link.ts',
        code: 'if (this.#options.toleratesTruncation && error.atRecordBoundary)',
        instead: 'if (error.message.length > 0)',
      },
    ],
    found: {
      prefix: (broken) =>
        checkPrefix(broken, { ...budget, runs: 200, transports: [lockstep, tcp], version: 'TLSv1.2' }),
    },
  },
  {
    engine: 'that takes the end of the transport for an end',
    breakages: [
      {
        file: 'streams/link.ts',
        code: 'if (this.#options.toleratesTruncation && error.atRecordBoundary)',
        instead: 'if (error.message.length > 0)',
      },
    ],
    found: {
      prefix: (broken) => checkPrefix(broken, { ...budget, runs: 200, transports: [lockstep, tcp] }),
    },
  },
];

describe.each(cases)('an eager engine, $engine', ({ breakages, found }) => {
  test.each(Object.entries(found))('is found out by %s', { timeout: timeLimit }, async (_, check) => {
    await withBroken(breakages, async (broken) => {
      const error = await check(broken).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(Error);
    });
  });
});

test('the upload goes well with the engine as it is', async () => {
  for (const transport of [lockstep, ...tcpModels]) {
    await oneWay(library, transport);
    await oneWay(library, transport, true);
    await oneWay(library, transport, false, 'TLSv1.2');
  }
});
