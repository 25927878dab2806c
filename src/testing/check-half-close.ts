import type { CheckDefinition } from './check-tools.ts';
import { brokenError, closedError, must, numbered, same, theReason, unwatched } from './check-tools.ts';

/** What must hold where one direction can end before the other. */
export const halfCloseOnlyChecks: readonly CheckDefinition[] = [
  {
    name: 'after closeWrite() the peer reads all that was written, and then null, again and again',
    body: async (first, second, tools) => {
      const written = tools.gives(first.write(numbered(3_000)), 'write()');
      const ended = tools.gives(first.closeWrite(), 'closeWrite()');
      await tools.rest();
      same(await tools.readToEnd(second), numbered(3_000));
      await Promise.all([written, ended]);
      for (let i = 0; i < 2; i++)
        must((await tools.readSome(second)) === null, 'once the end was read, every read() must give null');
    },
  },
  {
    name: 'after closeWrite() writing rejects with ClosedError, even of nothing',
    body: async (first, _second, tools) => {
      const ended = unwatched(first.closeWrite());
      await tools.rejects(first.write(numbered(1)), 'write() after closeWrite() was called', closedError);
      await tools.gives(ended, 'closeWrite()');
      await tools.rejects(first.write(numbered(1)), 'write() after closeWrite()', closedError);
      await tools.rejects(first.write([]), 'write() of nothing after closeWrite()', closedError);
    },
  },
  {
    name: 'closeWrite() may be called again',
    body: async (first, second, tools) => {
      await Promise.all([
        tools.gives(first.closeWrite(), 'closeWrite()'),
        tools.gives(first.closeWrite(), 'a second closeWrite()'),
      ]);
      await tools.gives(first.closeWrite(), 'a third closeWrite()');
      must((await tools.readSome(second)) === null, 'read() must give null after closeWrite() of the peer');
      await tools.transfers(second, first, numbered(10));
    },
  },
  {
    name: 'closeWrite() wakes a read of the peer with null',
    body: async (first, second, tools) => {
      const read = unwatched(second.read());
      await tools.rest();
      await tools.gives(first.closeWrite(), 'closeWrite()');
      must(
        (await tools.gives(read, 'read()')) === null,
        'a waiting read() must give null when the peer ends',
      );
    },
  },
  {
    name: 'closeWrite() sends what was written without waiting before it',
    body: async (first, second, tools) => {
      const written = [10, 20_000, 1].map((length) =>
        tools.gives(first.write(new Uint8Array(length)), 'write()'),
      );
      const ended = tools.gives(first.closeWrite(), 'closeWrite()');
      same(await tools.readToEnd(second), new Uint8Array(20_011));
      await Promise.all([...written, ended]);
    },
  },
  {
    name: 'after closeWrite() the other direction stays open, also once the peer has read the end',
    body: async (first, second, tools) => {
      await tools.gives(first.closeWrite(), 'closeWrite()');
      await tools.transfers(second, first, numbered(10));
      must((await tools.readSome(second)) === null, 'read() must give null after closeWrite() of the peer');
      const bytes = numbered(100_000);
      await tools.transfers(second, first, bytes);
      const ended = tools.gives(second.closeWrite(), 'closeWrite()');
      must((await tools.readSome(first)) === null, 'read() must give null after closeWrite() of the peer');
      await ended;
    },
  },
  {
    name: 'a read that waits goes on waiting when its own side calls closeWrite()',
    body: async (first, second, tools) => {
      const read = unwatched(first.read());
      await tools.gives(first.closeWrite(), 'closeWrite()');
      await tools.waits(read, 'read() after closeWrite() of the same side');
      const written = tools.gives(second.write(numbered(1)), 'write()');
      same((await tools.gives(read, 'read()')) ?? new Uint8Array(0), numbered(1));
      await written;
    },
  },
  {
    name: 'closeWrite() with a signal that has fired before has no effect and rejects with its reason',
    body: async (first, second, tools) => {
      const reason = new Error('before');
      const signal = AbortSignal.abort(reason);
      await tools.rejects(
        first.closeWrite({ signal }),
        'closeWrite() with an aborted signal',
        theReason(reason),
      );
      await tools.transfers(first, second, numbered(10));
    },
  },
  {
    name: 'after closeWrite() and the end of both, close() resolves and reports no reset',
    body: async (first, second, tools) => {
      await Promise.all([first, second].map((stream) => tools.gives(stream.closeWrite(), 'closeWrite()')));
      for (const stream of [first, second])
        must((await tools.readSome(stream)) === null, 'read() must give null after closeWrite() of the peer');
      const reports = await Promise.all(
        [first, second].map((stream) => tools.gives(stream.close(), 'close()')),
      );
      for (const { ended } of reports)
        must(
          ended === 'close_notify' || ended === 'fin',
          `two polite ends must not be reported as '${ended}'`,
        );
    },
  },
  {
    name: 'close() after closeWrite() still reads until the peer ends',
    body: async (first, second, tools) => {
      await tools.gives(first.closeWrite(), 'closeWrite()');
      const closing = unwatched(first.close());
      for (let i = 0; i < 5; i++)
        await tools.gives(second.write(numbered(5_000)), 'write() to a closing peer');
      await tools.waits(closing, 'close() whose peer has not ended');
      await tools.gives(second.closeWrite(), 'closeWrite()');
      const { discardedBytes } = await tools.gives(closing, 'close()');
      must(discardedBytes > 0, 'close() must report that it has discarded something');
    },
  },
  {
    name: 'after close() closeWrite() rejects with ClosedError',
    body: async (first, second, tools) => {
      await Promise.all([tools.gives(first.close(), 'close()'), tools.gives(second.close(), 'close()')]);
      await tools.rejects(first.closeWrite(), 'closeWrite() after close()', closedError);
    },
  },
  {
    name: 'closeWrite() waits for the writes before it',
    isClogged: true,
    body: async (first, second, tools) => {
      const written = tools.gives(first.write(numbered(9_000)), 'write()');
      const ended = unwatched(first.closeWrite());
      await tools.waits(ended, 'closeWrite() behind a write() that waits');
      const all = await tools.readToEnd(second);
      same(all.subarray(Math.max(0, all.length - 9_000)), numbered(9_000));
      await Promise.all([written, tools.gives(ended, 'closeWrite()')]);
    },
  },
  {
    name: 'closeWrite() that is aborted while it waits rejects with the reason and breaks the write half',
    isClogged: true,
    body: async (first, second, tools) => {
      const written = unwatched(first.write(numbered(9_000)));
      const abort = new AbortController();
      const reason = new Error('enough');
      const ended = unwatched(first.closeWrite({ signal: abort.signal }));
      await tools.rest();
      abort.abort(reason);
      await tools.rejects(ended, 'an aborted closeWrite()', theReason(reason));
      await tools.rejects(written, 'a write() before a closeWrite() that was aborted', brokenError);
      await tools.transfers(second, first, numbered(10));
    },
  },
  {
    name: 'destroy() wakes a closeWrite() that waits with ClosedError',
    isClogged: true,
    body: async (first, _second, tools) => {
      unwatched(first.write(numbered(9_000)));
      const ended = unwatched(first.closeWrite());
      await tools.rest();
      first.destroy();
      await tools.rejects(ended, 'closeWrite() of a stream that is destroyed', closedError);
    },
  },
];
