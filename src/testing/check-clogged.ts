import { joined } from './byte-queue.ts';
import type { CheckDefinition } from './check-tools.ts';
import { brokenError, closedError, must, numbered, same, theReason, unwatched } from './check-tools.ts';

/** What a write must be like that waits because the peer does not read. What lies in its way is read before it. */
export const cloggedChecks: readonly CheckDefinition[] = [
  {
    name: 'a write for which there is no room waits, and resolves when the peer reads',
    isClogged: true,
    body: async (sender, receiver, tools) => {
      const written = unwatched(sender.write(numbered(100)));
      await tools.waits(written, 'write() to a peer that does not read');
      unwatched(tools.readToEnd(receiver));
      await tools.gives(written, 'write() to a peer that has begun to read');
    },
  },
  {
    name: 'writes that wait keep their order',
    isClogged: true,
    body: async (sender, receiver, tools) => {
      const parts = [numbered(3_000), numbered(1), numbered(700)];
      const written = parts.map((part) => tools.gives(sender.write(part), 'write()'));
      const closing = unwatched(sender.close());
      const all = await tools.readToEnd(receiver);
      same(all.subarray(Math.max(0, all.length - 3_701)), joined(parts));
      await Promise.all(written);
      await Promise.all([tools.gives(closing, 'close()'), tools.gives(receiver.close(), 'close()')]);
    },
  },
  {
    name: 'close() of the peer lets a waiting write go on, since it reads to the end',
    isClogged: true,
    body: async (sender, receiver, tools) => {
      const written = tools.gives(sender.write(numbered(100)), 'write() to a peer that closes');
      await tools.rest();
      const closing = unwatched(receiver.close());
      await written;
      await Promise.all([tools.gives(sender.close(), 'close()'), tools.gives(closing, 'close()')]);
    },
  },
  {
    name: 'destroy() wakes a write that waits with ClosedError',
    isClogged: true,
    body: async (sender, _receiver, tools) => {
      const written = unwatched(sender.write(numbered(100)));
      await tools.rest();
      sender.destroy();
      await tools.rejects(written, 'a waiting write() of a stream that is destroyed', closedError);
    },
  },
  {
    name: 'destroy() of the peer wakes a write that waits with BrokenError',
    isClogged: true,
    body: async (sender, receiver, tools) => {
      const written = unwatched(sender.write(numbered(100)));
      await tools.rest();
      receiver.destroy();
      await tools.rejects(written, 'a waiting write() to a peer that is destroyed', brokenError);
    },
  },
  {
    name: 'a write that is aborted while it waits rejects with the reason, and later ones with BrokenError',
    isClogged: true,
    body: async (sender, _receiver, tools) => {
      const abort = new AbortController();
      const reason = new Error('enough');
      const written = unwatched(sender.write(numbered(100), { signal: abort.signal }));
      const behind = unwatched(sender.write(numbered(1)));
      await tools.waits(written, 'write() to a peer that does not read');
      abort.abort(reason);
      await tools.rejects(written, 'an aborted write()', theReason(reason));
      await tools.rejects(behind, 'a write() behind one that was aborted', brokenError);
      await tools.rejects(sender.write(numbered(1)), 'write() after one was aborted', brokenError);
    },
  },
  {
    name: 'after a write that was aborted, the peer never reads an end',
    isClogged: true,
    body: async (sender, receiver, tools) => {
      const abort = new AbortController();
      const written = unwatched(sender.write(numbered(20_000), { signal: abort.signal }));
      await tools.rest();
      abort.abort(new Error('enough'));
      await tools.gives(
        written.catch(() => {}),
        'an aborted write()',
      );
      const closing = unwatched(sender.close());
      let isBroken = false;
      while (!isBroken) {
        const part = await tools.gives(
          receiver.read().catch(() => undefined),
          'read()',
        );
        must(part !== null, 'what an aborted write may have cut must not end with null');
        isBroken = part === undefined;
      }
      receiver.destroy();
      await tools.gives(
        closing.then(
          () => {},
          () => {},
        ),
        'close() after an aborted write()',
      );
    },
  },
];
