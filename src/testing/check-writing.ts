import { joined } from './byte-queue.ts';
import type { CheckDefinition } from './check-tools.ts';
import { must, numbered, pieces, same, theReason, unwatched } from './check-tools.ts';

/** A signal that counts who listens to it. */
function countingSignal(): { readonly signal: AbortSignal; listeners(): number } {
  const { signal } = new AbortController();
  const listeners = new Set<unknown>();
  const { addEventListener: add, removeEventListener: remove } = signal;
  signal.addEventListener = (type: string, listener: never, options?: never): void => {
    listeners.add(listener);
    add.call(signal, type, listener, options);
  };
  signal.removeEventListener = (type: string, listener: never, options?: never): void => {
    listeners.delete(listener);
    remove.call(signal, type, listener, options);
  };
  return { signal, listeners: () => listeners.size };
}

/** What writing must be like, in one direction. */
export const writingChecks: readonly CheckDefinition[] = [
  {
    name: 'an empty write has no effect, neither an empty array nor an empty list',
    body: async (sender, receiver, tools) => {
      for (const nothing of [new Uint8Array(0), [], [new Uint8Array(0), new Uint8Array(0)]])
        await tools.gives(sender.write(nothing), 'write() of nothing');
      await tools.transfers(sender, receiver, numbered(2));
    },
  },
  {
    name: 'a list of arrays is written as one sequence, empty ones among them',
    body: async (sender, receiver, tools) => {
      const parts = [numbered(3), new Uint8Array(0), numbered(10_000), numbered(1), new Uint8Array(0)];
      const written = tools.gives(sender.write(parts), 'write()');
      await tools.readsExactly(receiver, joined(parts));
      await written;
    },
  },
  {
    name: 'of a view into a larger buffer, exactly what it shows is written',
    body: async (sender, receiver, tools) => {
      const view = numbered(1_000).subarray(100, 350);
      await tools.transfers(sender, receiver, view);
      const written = tools.gives(sender.write([view.subarray(0, 10), view.subarray(200)]), 'write()');
      await tools.readsExactly(receiver, joined([view.subarray(0, 10), view.subarray(200)]));
      await written;
    },
  },
  {
    name: 'a subclass of Uint8Array is written like one',
    body: async (sender, receiver, tools) => {
      class Special extends Uint8Array {}
      await tools.transfers(sender, receiver, Special.from(numbered(50)));
    },
  },
  {
    name: 'writes that do not wait for one another arrive in the order of the calls',
    body: async (sender, receiver, tools) => {
      const bytes = numbered(60_000);
      const written = pieces(bytes, 4_000, 3).map((piece) => tools.gives(sender.write(piece), 'write()'));
      await Promise.all([tools.readsExactly(receiver, bytes), ...written]);
    },
  },
  {
    name: 'writes settle in the order of the calls',
    body: async (sender, receiver, tools) => {
      const order: number[] = [];
      const lengths = [5_000, 1, 700, 1, 20_000, 3];
      const written = lengths.map((length, i) =>
        unwatched(tools.gives(sender.write(numbered(length)), 'write()').then(() => order.push(i))),
      );
      await tools.readsExactly(receiver, joined(lengths.map(numbered)));
      await Promise.all(written);
      must(order.join() === '0,1,2,3,4,5', `writes must settle in order, but they did in the order ${order}`);
    },
  },
  {
    name: 'the arrays of a write may be used again as soon as it has resolved',
    body: async (sender, receiver, tools) => {
      const buffer = new Uint8Array(3_000);
      const reading = unwatched(tools.readAtLeast(receiver, 5 * buffer.length));
      for (let i = 1; i <= 5; i++) {
        buffer.fill(i);
        await tools.gives(sender.write(buffer), 'write()');
        buffer.fill(99);
      }
      same(await reading, joined([1, 2, 3, 4, 5].map((value) => new Uint8Array(buffer.length).fill(value))));
    },
  },
  {
    name: 'a write changes none of the arrays that it is given',
    body: async (sender, receiver, tools) => {
      const bytes = numbered(5_000);
      await tools.transfers(sender, receiver, bytes);
      same(bytes, numbered(5_000));
    },
  },
  {
    name: 'a write whose signal has fired before has no effect and rejects with its reason',
    body: async (sender, receiver, tools) => {
      const reason = new Error('before');
      const signal = AbortSignal.abort(reason);
      await tools.rejects(
        sender.write(numbered(9), { signal }),
        'write() with an aborted signal',
        theReason(reason),
      );
      await tools.rejects(
        sender.write([], { signal }),
        'write() of nothing with an aborted signal',
        theReason(reason),
      );
      await tools.transfers(sender, receiver, new Uint8Array([7, 7]));
    },
  },
  {
    name: 'a signal that fires after its write is over changes nothing',
    body: async (sender, receiver, tools) => {
      const abort = new AbortController();
      const written = tools.gives(sender.write(numbered(4), { signal: abort.signal }), 'write()');
      await tools.readsExactly(receiver, numbered(4));
      await written;
      abort.abort(new Error('late'));
      await tools.transfers(sender, receiver, numbered(10));
    },
  },
  {
    name: 'calls leave no listener on their signal',
    body: async (sender, receiver, tools) => {
      const { signal, listeners } = countingSignal();
      const written = tools.gives(sender.write(numbered(4), { signal }), 'write()');
      for (let count = 0; count < 4; )
        count += (await tools.gives(receiver.read({ signal }), 'read()'))?.length ?? 4;
      await written;
      await tools.rest();
      must(listeners() === 0, `a finished call must leave its signal alone, but ${listeners()} still listen`);
    },
  },
  {
    name: 'a great deal arrives whole',
    body: async (sender, receiver, tools) => {
      const bytes = numbered(150_000);
      const writing = (async () => {
        for (const piece of pieces(bytes, 60_000, 4)) await tools.gives(sender.write(piece), 'write()');
      })();
      await Promise.all([writing, tools.readsExactly(receiver, bytes)]);
    },
  },
];
