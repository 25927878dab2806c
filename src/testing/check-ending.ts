import type { ByteStream, CloseReport } from '../streams/byte-stream.ts';
import type { CheckDefinition, CheckTools } from './check-tools.ts';
import { brokenError, closedError, must, numbered, same, theReason, unwatched } from './check-tools.ts';

const endings: readonly string[] = ['close_notify', 'fin', 'reset', 'timeout'];

/** How a stream must end: politely, and not. */
export const endingChecks: readonly CheckDefinition[] = [
  {
    name: 'after close() the peer reads all that was written, and then null',
    body: async (sender, receiver, tools) => {
      const written = tools.gives(sender.write(numbered(5_000)), 'write()');
      const closing = unwatched(sender.close());
      await tools.rest();
      same(await tools.readToEnd(receiver), numbered(5_000));
      await written;
      await closeBoth(closing, receiver, tools);
    },
  },
  {
    name: 'close() of a stream on which nothing was written gives the peer null',
    body: async (sender, receiver, tools) => {
      const closing = unwatched(sender.close());
      must((await tools.readSome(receiver)) === null, 'read() must give null where nothing was written');
      await closeBoth(closing, receiver, tools);
    },
  },
  {
    name: 'the end is null, again and again',
    body: async (sender, receiver, tools) => {
      const written = tools.gives(sender.write(numbered(1)), 'write()');
      const closing = unwatched(sender.close());
      same(await tools.readToEnd(receiver), numbered(1));
      for (let i = 0; i < 3; i++)
        must((await tools.readSome(receiver)) === null, 'once the end was read, every read() must give null');
      await written;
      await closeBoth(closing, receiver, tools);
    },
  },
  {
    name: 'the end wakes a read that waits',
    body: async (sender, receiver, tools) => {
      const read = unwatched(receiver.read());
      await tools.rest();
      const closing = unwatched(sender.close());
      must(
        (await tools.gives(read, 'read()')) === null,
        'a waiting read() must give null when the peer closes',
      );
      await closeBoth(closing, receiver, tools);
    },
  },
  {
    name: 'close() sends what was written without waiting before it',
    body: async (sender, receiver, tools) => {
      const written = [3_000, 1, 2_000].map((length) =>
        tools.gives(sender.write(new Uint8Array(length)), 'write()'),
      );
      const closing = unwatched(sender.close());
      same(await tools.readToEnd(receiver), new Uint8Array(5_001));
      await Promise.all(written);
      await closeBoth(closing, receiver, tools);
    },
  },
  {
    name: 'close() gives a report: how the peer ended, and how much was discarded',
    body: async (sender, receiver, tools) => {
      const reports = await closeBoth(unwatched(sender.close()), receiver, tools);
      for (const { ended, discardedBytes } of reports) {
        must(endings.includes(ended), `ended must be one of ${endings.join(', ')}, not ${ended}`);
        must(discardedBytes >= 0, `discardedBytes must be a number from 0 on, not ${discardedBytes}`);
        must(
          ended === 'close_notify' || ended === 'fin',
          `two polite ends must not be reported as '${ended}'`,
        );
      }
    },
  },
  {
    name: 'close() may be called again, at the same time and afterwards, and gives the same',
    body: async (sender, receiver, tools) => {
      const [first, second] = [unwatched(sender.close()), unwatched(sender.close())];
      const [report] = await closeBoth(first, receiver, tools);
      const others = [
        await tools.gives(second, 'a second close()'),
        await tools.gives(sender.close(), 'a third close()'),
      ];
      for (const { ended } of others)
        must(ended === report.ended, `a later close() must report '${report.ended}', not '${ended}'`);
    },
  },
  {
    name: 'after close() and destroy() have been called, they do no harm',
    body: async (sender, receiver, tools) => {
      await closeBoth(unwatched(sender.close()), receiver, tools);
      for (const stream of [sender, receiver]) {
        stream.destroy();
        stream.destroy();
        await tools.gives(stream.close(), 'close() after destroy()');
      }
    },
  },
  {
    name: 'after close() was called, reading and writing reject with ClosedError, even of nothing',
    body: async (sender, receiver, tools) => {
      const closing = unwatched(sender.close());
      await isClosed(sender, 'after close() was called', tools);
      await closeBoth(closing, receiver, tools);
      for (const stream of [sender, receiver]) await isClosed(stream, 'after close()', tools);
    },
  },
  {
    name: 'after destroy(), reading and writing reject with ClosedError, even of nothing',
    body: async (sender, receiver, tools) => {
      for (const stream of [receiver, sender]) {
        stream.destroy();
        await isClosed(stream, 'after destroy()', tools);
      }
    },
  },
  {
    name: 'after destroy(), close() resolves and reports a reset',
    body: async (sender, _receiver, tools) => {
      sender.destroy();
      const { ended } = await tools.gives(sender.close(), 'close() after destroy()');
      must(ended === 'reset', `close() after destroy() must report 'reset', not '${ended}'`);
    },
  },
  {
    name: 'close() wakes a read of its own side with ClosedError',
    body: async (sender, receiver, tools) => {
      const read = unwatched(receiver.read());
      await tools.rest();
      const closing = unwatched(receiver.close());
      await tools.rejects(read, 'a read() during which the stream is closed', closedError);
      await closeBoth(closing, sender, tools);
    },
  },
  {
    name: 'destroy() wakes a read of its own side with ClosedError',
    body: async (_sender, receiver, tools) => {
      const read = unwatched(receiver.read());
      await tools.rest();
      receiver.destroy();
      await tools.rejects(read, 'a read() during which the stream is destroyed', closedError);
    },
  },
  {
    name: 'close() discards what nobody has read, and goes on reading until the peer ends',
    body: async (sender, receiver, tools) => {
      const written = tools.gives(sender.write(numbered(2_000)), 'write() to a peer that closes');
      await tools.rest();
      const closing = unwatched(receiver.close());
      await written;
      for (let i = 0; i < 20; i++)
        await tools.gives(sender.write(numbered(2_000)), 'write() to a peer that is closing');
      await tools.waits(closing, 'close() whose peer has not ended');
      const [report] = await closeBoth(closing, sender, tools);
      must(report.discardedBytes > 0, 'close() must report that it has discarded something');
    },
  },
  {
    name: 'close() with a signal that has fired before has no effect and rejects with its reason',
    body: async (sender, receiver, tools) => {
      const reason = new Error('before');
      const signal = AbortSignal.abort(reason);
      for (const stream of [sender, receiver])
        await tools.rejects(stream.close({ signal }), 'close() with an aborted signal', theReason(reason));
      await tools.transfers(sender, receiver, numbered(10));
    },
  },
  {
    name: 'close() that is aborted while it waits rejects with the reason and destroys',
    body: async (sender, receiver, tools) => {
      const abort = new AbortController();
      const reason = new Error('enough');
      const closing = unwatched(receiver.close({ signal: abort.signal }));
      await tools.waits(closing, 'close() whose peer has not ended');
      abort.abort(reason);
      await tools.rejects(closing, 'an aborted close()', theReason(reason));
      await isClosed(receiver, 'after an aborted close()', tools);
      await tools
        .writesUntilBroken(sender, 'to a peer that was destroyed')
        .then((error) =>
          must(brokenError.takes(error), `writing to a destroyed peer must reject with ${brokenError.name}`),
        );
    },
  },
  {
    name: 'Symbol.asyncDispose closes',
    body: async (sender, receiver, tools) => {
      const disposed = unwatched(sender[Symbol.asyncDispose]());
      must((await tools.readSome(receiver)) === null, 'disposing must end what the peer reads');
      await tools.gives(receiver[Symbol.asyncDispose](), 'Symbol.asyncDispose');
      await tools.gives(disposed, 'Symbol.asyncDispose');
      await isClosed(sender, 'after Symbol.asyncDispose', tools);
    },
  },
  {
    name: 'after calls that were aborted, both ends can still be closed',
    body: async (sender, receiver, tools) => {
      const abort = new AbortController();
      const reason = new Error('enough');
      const read = unwatched(receiver.read({ signal: abort.signal }));
      await tools.rejects(
        sender.write(numbered(1), { signal: AbortSignal.abort(reason) }),
        'write() with an aborted signal',
        theReason(reason),
      );
      abort.abort(reason);
      await tools.rejects(read, 'an aborted read()', theReason(reason));
      const closing = unwatched(sender.close());
      must((await tools.readSome(receiver)) === null, 'read() must give null after the peer has closed');
      await closeBoth(closing, receiver, tools);
    },
  },
  {
    name: 'destroy() never looks like an end: a read that waits rejects, and so does every later one',
    body: async (sender, receiver, tools) => {
      const read = unwatched(receiver.read());
      await tools.rest();
      sender.destroy();
      await tools.rejects(read, 'read() of what a destroyed peer sends', brokenError);
      for (let i = 0; i < 2; i++)
        await tools.rejects(receiver.read(), 'a later read() of what a destroyed peer sends', brokenError);
    },
  },
  {
    name: 'after the peer was destroyed, what is read is the front of what it wrote, and never an end',
    body: async (sender, receiver, tools) => {
      const bytes = numbered(3_000);
      const written = tools.gives(sender.write(bytes), 'write()');
      await tools.readsExactly(receiver, bytes);
      await written;
      unwatched(sender.write(bytes));
      sender.destroy();
      let count = 0;
      for (;;) {
        const part = await receiver.read().then(
          (value) => value ?? 'end',
          () => 'broken' as const,
        );
        must(part !== 'end', 'what a destroyed peer wrote must not end with null');
        if (typeof part === 'string') break;
        same(part, bytes.subarray(count, count + part.length));
        count += part.length;
      }
    },
  },
  {
    name: 'after the peer was destroyed, writing fails with BrokenError in the end, and from then on always',
    body: async (sender, receiver, tools) => {
      receiver.destroy();
      const error = await tools.writesUntilBroken(sender, 'to a destroyed peer');
      must(
        brokenError.takes(error),
        `writing to a destroyed peer must reject with ${brokenError.name}, not ${error}`,
      );
      for (let i = 0; i < 2; i++)
        await tools.rejects(sender.write(numbered(1)), 'write() after one has failed', brokenError);
    },
  },
  {
    name: 'ClosedError comes before BrokenError',
    body: async (sender, receiver, tools) => {
      receiver.destroy();
      await tools.writesUntilBroken(sender, 'to a destroyed peer');
      sender.destroy();
      await isClosed(sender, 'after destroy() of a broken stream', tools);
    },
  },
  {
    name: 'close() of a stream whose peer was destroyed settles',
    body: async (sender, receiver, tools) => {
      receiver.destroy();
      await tools.rest();
      await tools.gives(
        sender.close().then(
          () => {},
          () => {},
        ),
        'close() of a broken stream',
      );
    },
  },
  {
    name: 'destroy() while close() waits settles it',
    body: async (sender, _receiver, tools) => {
      const closing = unwatched(sender.close());
      await tools.waits(closing, 'close() whose peer has not ended');
      sender.destroy();
      await tools.gives(
        closing.then(
          () => {},
          () => {},
        ),
        'close() during which the stream is destroyed',
      );
    },
  },
];

/** Closes the other end too, and gives both reports: `closing`'s first. */
async function closeBoth(
  closing: Promise<CloseReport>,
  other: ByteStream,
  tools: CheckTools,
): Promise<readonly [CloseReport, CloseReport]> {
  return Promise.all([
    tools.gives(closing, 'close()'),
    tools.gives(other.close(), 'close() of the other end'),
  ]);
}

async function isClosed(stream: ByteStream, when: string, tools: CheckTools): Promise<void> {
  await tools.rejects(stream.read(), `read() ${when}`, closedError);
  await tools.rejects(stream.write(numbered(1)), `write() ${when}`, closedError);
  await tools.rejects(stream.write([]), `write() of nothing ${when}`, closedError);
}
