import type { CheckDefinition } from './check-tools.ts';
import { busyError, must, numbered, pieces, same, theReason, unwatched } from './check-tools.ts';

/** What reading must be like, in one direction. */
export const readingChecks: readonly CheckDefinition[] = [
  {
    name: 'a byte that is written is read, and write() gives undefined',
    body: async (sender, receiver, tools) => {
      const written = tools.gives(sender.write(new Uint8Array([120])), 'write()');
      same(await tools.readAtLeast(receiver, 1), new Uint8Array([120]));
      must((await written) === undefined, 'write() must give undefined');
    },
  },
  {
    name: 'what is written in pieces of any size is read in order, and no read is empty',
    body: async (sender, receiver, tools) => {
      const bytes = numbered(100_000);
      const writing = (async () => {
        for (const piece of pieces(bytes, 5_000, 1)) await tools.gives(sender.write(piece), 'write()');
      })();
      await Promise.all([writing, tools.readsExactly(receiver, bytes)]);
    },
  },
  {
    name: 'a read that comes before the write gets the bytes',
    body: async (sender, receiver, tools) => {
      const read = unwatched(receiver.read());
      await tools.waits(read, 'read() of what nobody has written');
      const written = tools.gives(sender.write(new Uint8Array([1])), 'write()');
      same((await tools.gives(read, 'read()')) ?? new Uint8Array(0), new Uint8Array([1]));
      await written;
    },
  },
  {
    name: 'the array that read() gives belongs to the reader: it is plain, and its ArrayBuffer holds nothing else',
    body: async (sender, receiver, tools) => {
      for (const length of [1, 100, 5_000]) {
        const written = tools.gives(sender.write(numbered(length)), 'write()');
        for (let count = 0; count < length; ) {
          const bytes = await tools.readSome(receiver);
          if (bytes === null) throw new Error('the end came too early');
          must(bytes.constructor === Uint8Array, 'read() must give a plain Uint8Array, no subclass');
          must(
            bytes.buffer.byteLength === bytes.length,
            `the ArrayBuffer of ${bytes.length} bytes must hold nothing else, but it has ${bytes.buffer.byteLength}`,
          );
          count += bytes.length;
        }
        await written;
      }
    },
  },
  {
    name: 'what a reader does to its array changes neither later reads nor the arrays of the writer',
    body: async (sender, receiver, tools) => {
      const bytes = numbered(3_000);
      const written = tools.gives(sender.write([bytes, bytes]), 'write()');
      for (let count = 0; count < 6_000; ) {
        const read = await tools.readSome(receiver);
        if (read === null) throw new Error('the end came too early');
        const cycle = Uint8Array.from(read, (_, i) => bytes[(count + i) % 3_000] ?? 0);
        same(read, cycle);
        read.fill(255);
        count += read.length;
      }
      await written;
      same(bytes, numbered(3_000));
    },
  },
  {
    name: 'a second read while one waits is refused with BusyError at the call, and the first goes on',
    body: async (sender, receiver, tools) => {
      const first = unwatched(receiver.read());
      await tools.rejects(receiver.read(), 'a second read()', busyError);
      await tools.rejects(receiver.read(), 'a third read()', busyError);
      const written = tools.gives(sender.write(numbered(1)), 'write()');
      same((await tools.gives(first, 'the first read()')) ?? new Uint8Array(0), numbered(1));
      await written;
      await tools.transfers(sender, receiver, numbered(2));
    },
  },
  {
    name: 'a second read is refused even if what it would get comes right after it',
    body: async (sender, receiver, tools) => {
      const first = unwatched(receiver.read());
      const second = unwatched(receiver.read());
      const written = tools.gives(sender.write([numbered(1), numbered(1)]), 'write()');
      await tools.rejects(second, 'a second read()', busyError);
      const count = (await tools.gives(first, 'the first read()'))?.length ?? 0;
      if (count < 2) await tools.readAtLeast(receiver, 2 - count);
      await written;
    },
  },
  {
    name: 'a read whose signal has fired before takes nothing and rejects with its reason',
    body: async (sender, receiver, tools) => {
      const reason = new Error('before');
      const signal = AbortSignal.abort(reason);
      await tools.rejects(receiver.read({ signal }), 'read() with an aborted signal', theReason(reason));
      const written = tools.gives(sender.write(numbered(3)), 'write()');
      await tools.rest();
      await tools.rejects(receiver.read({ signal }), 'read() with an aborted signal', theReason(reason));
      await tools.readsExactly(receiver, numbered(3));
      await written;
    },
  },
  {
    name: 'a read that is aborted while it waits rejects with the reason, loses nothing, and makes room for the next',
    body: async (sender, receiver, tools) => {
      const abort = new AbortController();
      const reason = new Error('enough');
      const read = unwatched(receiver.read({ signal: abort.signal }));
      await tools.rest();
      abort.abort(reason);
      await tools.rejects(read, 'an aborted read()', theReason(reason));
      await tools.transfers(sender, receiver, numbered(1_000));
    },
  },
  {
    name: 'a read that is aborted just when bytes arrive either gives them or leaves them to the next read',
    body: async (sender, receiver, tools) => {
      const bytes = numbered(100);
      for (let turns = 0; turns < 12; turns++) {
        const abort = new AbortController();
        let got: Uint8Array | null = new Uint8Array(0);
        const read = receiver.read({ signal: abort.signal }).then(
          (value) => {
            got = value;
          },
          () => {},
        );
        const written = tools.gives(sender.write(bytes), 'write()');
        for (let i = 0; i < turns; i++) await Promise.resolve();
        abort.abort(new Error('enough'));
        await tools.gives(read, 'read()');
        const first = got ?? new Uint8Array(0);
        const others = await tools.readAtLeast(receiver, bytes.length - first.length);
        same(Uint8Array.from([...first, ...others]), bytes);
        await written;
      }
    },
  },
  {
    name: 'a signal that fires after its read is over changes nothing',
    body: async (sender, receiver, tools) => {
      const abort = new AbortController();
      const read = unwatched(receiver.read({ signal: abort.signal }));
      const written = tools.gives(sender.write(numbered(1)), 'write()');
      await tools.gives(read, 'read()');
      await written;
      abort.abort(new Error('late'));
      await tools.transfers(sender, receiver, numbered(10));
    },
  },
  {
    name: 'iterating gives everything up to the end',
    body: async (sender, receiver, tools) => {
      const bytes = numbered(20_000);
      const sending = (async () => {
        for (const piece of pieces(bytes, 3_000, 2)) await tools.gives(sender.write(piece), 'write()');
        unwatched(sender.close());
      })();
      const got: number[] = [];
      const iterating = (async () => {
        for await (const part of receiver) got.push(...part);
      })();
      await Promise.all([sending, tools.gives(iterating, 'for await')]);
      same(Uint8Array.from(got), bytes);
    },
  },
  {
    name: 'leaving an iteration early does not close, and the next read goes on where it stopped',
    body: async (sender, receiver, tools) => {
      const bytes = numbered(50);
      const written = tools.gives(sender.write(bytes), 'write()');
      let first = new Uint8Array(0);
      for await (const part of receiver) {
        first = new Uint8Array(part);
        break;
      }
      const others = await tools.readAtLeast(receiver, bytes.length - first.length);
      same(Uint8Array.from([...first, ...others]), bytes);
      await written;
      await tools.transfers(sender, receiver, numbered(10));
    },
  },
];
