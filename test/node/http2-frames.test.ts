import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameCutter } from '../../src/node/http2-frames.ts';
import { endHeaders, endStream, frame, framesIn, frameTypes, preface } from '../support/http2-frames.ts';

const anyFrame = fc
  .record({
    type: fc.constantFrom(...Object.values(frameTypes)),
    flags: fc.constantFrom(0, endStream, endHeaders, endStream | endHeaders),
    stream: fc.constantFrom(1, 3, 5, 2, 2 ** 31 - 1),
    length: fc.nat(40),
  })
  .map(({ type, flags, stream, length }) => frame(type, flags, stream, new Uint8Array(length)));

const traffic = fc.record({
  isServer: fc.boolean(),
  frames: fc.array(anyFrame, { maxLength: 30 }),
  // How many bytes come at a time, and whether the program runs behind them.
  chunks: fc.array(fc.record({ size: fc.integer({ min: 1, max: 60 }), turn: fc.boolean() }), {
    minLength: 1,
  }),
});

test('pieces are all there is, in order, and nothing ends in the turn in which it has begun', () => {
  fc.assert(
    fc.property(traffic, ({ isServer, frames, chunks }) => {
      const start = isServer ? preface.length : 0;
      const bytes = Buffer.concat([...(isServer ? [preface] : []), ...frames]);
      const cutter = new FrameCutter();
      /** Where the turns of the program lie within what is given. */
      const turns = new Set<number>();
      const given: Uint8Array[] = [];
      let length = 0;
      const give = (piece: Uint8Array): void => {
        given.push(piece);
        length += piece.length;
      };
      for (let place = 0, i = 0; place < bytes.length; i++) {
        const { size, turn } = chunks[i % chunks.length]!;
        const [first, ...others] = cutter.cut(bytes.subarray(place, place + size));
        give(first);
        for (const piece of others) {
          turns.add(length);
          give(piece);
        }
        if (turn) {
          turns.add(length);
          cutter.turn();
        }
        place += size;
      }
      // What is left is less than a frame's header.
      expect(bytes.length - length).toBeLessThan(9);
      expect(Buffer.concat(given).equals(bytes.subarray(0, length))).toBe(true);
      const begun = new Map<number, number>();
      for (const { type, flags, stream, start: place, end } of framesIn(bytes, start)) {
        const isEnd = type === frameTypes.rstStream || (type <= 1 && (flags & endStream) !== 0);
        const since = begun.get(stream);
        // What begins with a push begins with a frame of another stream.
        if (isEnd && stream % 2 === 0 && place < length) expect(turns.has(place)).toBe(true);
        if (isEnd && since !== undefined && place < length)
          expect([...turns].some((turn) => since <= turn && turn <= place)).toBe(true);
        if (type === frameTypes.headers || type === frameTypes.continuation) begun.set(stream, end);
      }
    }),
  );
});

test('requests without a body are one piece, however many they are', () => {
  const requests = Array.from({ length: 500 }, (_, i) =>
    frame(frameTypes.headers, endStream | endHeaders, 1 + 2 * i, new Uint8Array(20)),
  );
  const bytes = Buffer.concat([preface, ...requests]);
  expect(new FrameCutter().cut(bytes)).toEqual([bytes]);
});
