import type { CheckDefinition } from './check-tools.ts';
import {
  brokenError,
  closedError,
  must,
  numbered,
  pieces,
  same,
  theReason,
  unwatched,
} from './check-tools.ts';

/** What two directions must be like together. */
export const twoWayOnlyChecks: readonly CheckDefinition[] = [
  {
    name: 'both directions carry a great deal at once',
    body: async (first, second, tools) => {
      const there = numbered(100_000);
      const back = there.toReversed();
      const sending = async (stream: typeof first, bytes: Uint8Array, seed: number): Promise<void> => {
        for (const piece of pieces(bytes, 16_384, seed)) await tools.gives(stream.write(piece), 'write()');
      };
      await Promise.all([
        sending(first, there, 5),
        sending(second, back, 6),
        tools.readsExactly(first, back),
        tools.readsExactly(second, there),
      ]);
    },
  },
  {
    name: 'questions and answers go to and fro',
    body: async (first, second, tools) => {
      for (let i = 1; i <= 30; i++) {
        await tools.transfers(first, second, numbered(i));
        await tools.transfers(second, first, numbered(31 - i));
      }
    },
  },
  {
    name: 'a read that waits does not hold up a write of the same side',
    body: async (first, second, tools) => {
      const read = unwatched(first.read());
      await tools.rest();
      await tools.transfers(first, second, numbered(100));
      const written = tools.gives(second.write(numbered(1)), 'write()');
      same((await tools.gives(read, 'read()')) ?? new Uint8Array(0), numbered(1));
      await written;
    },
  },
  {
    name: 'both ends may wait to read at the same time',
    body: async (first, second, tools) => {
      const reads = [first, second].map((stream) => unwatched(stream.read()));
      await tools.rest();
      const written = [second, first].map((stream) => tools.gives(stream.write(numbered(1)), 'write()'));
      for (const read of reads) same((await tools.gives(read, 'read()')) ?? new Uint8Array(0), numbered(1));
      await Promise.all(written);
    },
  },
  {
    name: 'close() on both ends at once resolves on both',
    body: async (first, second, tools) => {
      await Promise.all([tools.gives(first.close(), 'close()'), tools.gives(second.close(), 'close()')]);
    },
  },
  {
    name: 'close() on both ends at once, each with writes behind it, resolves on both',
    body: async (first, second, tools) => {
      const written = [first, second].map((stream) => tools.gives(stream.write(numbered(50_000)), 'write()'));
      const closing = [first, second].map((stream) => tools.gives(stream.close(), 'close()'));
      await Promise.all([...written, ...closing]);
    },
  },
  {
    name: 'an answer before close() arrives whole, though the question was never read',
    body: async (first, second, tools) => {
      const question = unwatched(first.write(numbered(3_000)));
      await tools.rest();
      const answer = tools.gives(second.write(numbered(50_000)), 'write() of the answer');
      const closing = unwatched(second.close());
      same(await tools.readToEnd(first), numbered(50_000));
      await answer;
      await tools.gives(question, 'write() that the peer discards');
      await Promise.all([tools.gives(first.close(), 'close()'), tools.gives(closing, 'close()')]);
    },
  },
  {
    name: 'an answer before close() arrives whole, though the peer goes on writing all the time',
    body: async (first, second, tools) => {
      let isAnswered = false;
      const writing = unwatched(
        (async () => {
          while (!isAnswered) {
            await tools.gives(first.write(numbered(500)), 'write() to a peer that is closing');
            await tools.rest();
          }
          await tools.gives(first.close(), 'close()');
        })(),
      );
      const answer = tools.gives(second.write(numbered(20_000)), 'write() of the answer');
      const closing = tools.gives(second.close(), 'close()');
      same(await tools.readToEnd(first), numbered(20_000));
      isAnswered = true;
      await Promise.all([writing, answer, closing]);
    },
  },
  {
    name: 'destroy() of the peer breaks both directions',
    body: async (first, second, tools) => {
      const read = unwatched(first.read());
      await tools.rest();
      second.destroy();
      await tools.rejects(read, 'read() of what a destroyed peer sends', brokenError);
      const error = await tools.writesUntilBroken(first, 'to a destroyed peer');
      must(
        brokenError.takes(error),
        `writing to a destroyed peer must reject with ${brokenError.name}, not ${error}`,
      );
    },
  },
  {
    name: 'what came before a failed write stays readable',
    isClogged: true,
    body: async (first, second, tools) => {
      const back = unwatched(second.write(numbered(500)));
      const abort = new AbortController();
      const reason = new Error('enough');
      const written = unwatched(first.write(numbered(100), { signal: abort.signal }));
      await tools.rest();
      abort.abort(reason);
      await tools.rejects(written, 'an aborted write()', theReason(reason));
      await tools.readsExactly(first, numbered(500));
      await tools.gives(back, 'write()');
      await tools.transfers(second, first, numbered(300));
    },
  },
  {
    name: 'a write that waits does not hold up reading on the same side',
    isClogged: true,
    body: async (first, second, tools) => {
      const written = unwatched(first.write(numbered(100)));
      await tools.rest();
      await tools.transfers(second, first, numbered(5_000));
      await tools.waits(written, 'write() to a peer that does not read');
    },
  },
  {
    name: 'close() reads while its last bytes wait, so that two ends that both wait to write can both close',
    isClogged: true,
    body: async (first, second, tools) => {
      const written = [first, second].map((stream) => tools.gives(stream.write(numbered(80_000)), 'write()'));
      await tools.rest();
      const closing = [first, second].map((stream) => tools.gives(stream.close(), 'close()'));
      await Promise.all([...written, ...closing]);
    },
  },
  {
    name: 'destroy() wakes a read and a write that wait with ClosedError',
    isClogged: true,
    body: async (first, _second, tools) => {
      const read = unwatched(first.read());
      const written = unwatched(first.write(numbered(100)));
      await tools.rest();
      first.destroy();
      await tools.rejects(read, 'a read() of a stream that is destroyed', closedError);
      await tools.rejects(written, 'a write() of a stream that is destroyed', closedError);
    },
  },
];
