import fc from 'fast-check';
import { tcpModelPair } from '../../../src/testing.ts';
import { peer } from '../../support/tls-endpoints.ts';
import { type Budget, parameters } from '../support/budget.ts';
import { configsOf } from '../support/ends.ts';
import type { Library } from '../support/library.ts';
import { quiet } from '../support/play.ts';

/** What a closing server reads of its client at most, and what it answered before. */
const bound = 3_000;
const answerLength = 20_000;

/**
 * A server answers and closes while its client goes on writing much more than the server drains: the answer and the
 * end arrive, though the client is slow. The server holds the connection, it does not close it at the bound.
 */
export async function checkHeldDrain(library: Library, budget: Budget): Promise<void> {
  const configs = configsOf(library, {}, budget.version);
  const { TlsStream } = library;
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        dialect: fc.constantFrom('keep' as const, 'discard' as const),
        seed: fc.nat({ max: 1_000_000 }),
        latency: fc.constantFrom(0, 4, 50),
        receiveBuffer: fc.constantFrom(400, 2_000, 14_480),
        sendBuffer: fc.constantFrom(400, 65_536),
      }),
      async (options) => {
        const pair = tcpModelPair(options);
        const client = TlsStream.client(pair[0], configs.client, peer);
        const server = TlsStream.server(pair[1], configs.server, { drain: { bytes: bound } });
        await Promise.all([client.handshake(), server.handshake()]);
        const upload = client.write(new Uint8Array(30 * bound)).catch(() => {});
        const closed = server.write(new Uint8Array(answerLength)).then(() => server.close());
        let count = 0;
        let isDone = false;
        const reading = (async () => {
          for await (const bytes of client) count += bytes.length;
        })().finally(() => {
          isDone = true;
        });
        reading.catch(() => {});
        closed.catch(() => {});
        await quiet(
          () => pair.trace.entries.length + pair.clock.now,
          () => isDone,
        );
        client.destroy();
        server.destroy();
        await Promise.allSettled([upload, closed]);
        await reading.catch((error: unknown) => {
          throw new Error(`the answer broke off after ${count} bytes: ${error}\n${pair.trace}`);
        });
        if (count !== answerLength) throw new Error(`${count} bytes of the answer came\n${pair.trace}`);
      },
    ),
    parameters(budget),
  );
}
