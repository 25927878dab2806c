import { describe, expect, test } from 'vitest';
import type { ByteStream } from '../../src/streams/byte-stream.ts';
import {
  boundedStreamPair,
  checkHalfCloseableStream,
  checkOneWayStream,
  checkTwoWayStream,
  halfCloseableStreamChecks,
  memoryStreamPair,
  oneWayStreamChecks,
  StreamCheckError,
  twoWayStreamChecks,
} from '../../src/testing.ts';
import { endingFaults } from '../support/ending-faults.ts';
import { Plain } from '../support/faulty-stream.ts';
import { readingAndWritingFaults } from '../support/reading-writing-faults.ts';

describe('the checks find a stream that', () => {
  test.each([...readingAndWritingFaults, ...endingFaults])(
    '$fault',
    async ({ check, make, makePair = memoryStreamPair }) => {
      const makeFaulty = (): readonly [ByteStream, ByteStream] => {
        const [first, second] = makePair();
        return [make(first), make(second)];
      };
      const makeClogged = async (): Promise<readonly [ByteStream, ByteStream]> => {
        const [first, second] = boundedStreamPair(100);
        await first.write(new Uint8Array(100));
        return [make(first), make(second)];
      };
      const checks = halfCloseableStreamChecks(makeFaulty, { makeClogged, timeout: 300 });
      const found = checks.filter(({ name }) => name.includes(check));
      expect(found).not.toEqual([]);
      const results = await Promise.allSettled(found.map(({ run }) => run()));
      expect(results.filter(({ status }) => status === 'rejected')).not.toEqual([]);
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(StreamCheckError);
      }
    },
  );
});

describe('running all checks', () => {
  const broken = (): readonly [ByteStream, ByteStream] => {
    const [first, second] = memoryStreamPair();
    return [
      new (class extends Plain {
        override async write() {
          throw new Error('no ink');
        }
      })(first),
      second,
    ];
  };

  test.each([checkOneWayStream, checkTwoWayStream, checkHalfCloseableStream])(
    '%o is content with a stream that does all',
    async (check) => {
      await check(memoryStreamPair);
    },
  );

  test('the error names each check that failed, and what the stream did', async () => {
    const error = await checkTwoWayStream(broken, { timeout: 300 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StreamCheckError);
    const { message } = error as Error;
    expect(message).toMatch(/^\d+ of \d+ checks of the stream failed:\n- /);
    expect(message).toContain(
      '- first to second: a great deal arrives whole: write() must succeed, but rejected with Error: no ink',
    );
    expect(message).not.toContain('second to first: a great deal arrives whole');
  });

  test('there are more of them than Trio has', () => {
    const options = { makeClogged: memoryStreamPair };
    const oneWay = oneWayStreamChecks(memoryStreamPair, options).length;
    const turned = oneWayStreamChecks(memoryStreamPair).length;
    const twoWay = twoWayStreamChecks(memoryStreamPair, options).length;
    const halfCloseable = halfCloseableStreamChecks(memoryStreamPair, options).length;
    expect(oneWay).toBeGreaterThanOrEqual(33);
    expect(twoWay - oneWay - turned).toBeGreaterThanOrEqual(5);
    expect(halfCloseable - twoWay).toBeGreaterThanOrEqual(8);
  });

  test('every check has a name of its own', () => {
    const names = halfCloseableStreamChecks(memoryStreamPair, { makeClogged: memoryStreamPair }).map(
      ({ name }) => name,
    );
    expect(new Set(names).size).toBe(names.length);
  });
});
