import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Where nothing is but functions and objects in memory: files may share a process. */
const pure = /^test\/(wire|keys|crypto|sessions|pki|handshake|connection|hostile)\//;
/** What is put in the place of a module would be there for the next file, too. */
const mocking = /\bvi\.(mock|doMock)\(|fixed-key-pairs/;

const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .map((path) => join('test', path))
  .filter((path) => path.endsWith('.test.ts'));
const shared = files.filter((path) => pure.test(path) && !mocking.test(readFileSync(path, 'utf8')));

export default defineConfig({
  test: {
    // A process can be killed. A thread that hangs while it ends holds up the whole run for ever.
    pool: 'forks',
    // By default one core is left idle, which is half of a small machine.
    maxWorkers: '100%',
    testTimeout: 30_000,
    projects: [
      // To load the sources anew for each of them takes longer than the tests.
      { extends: true, test: { name: 'shared', include: shared, isolate: false } },
      { extends: true, test: { name: 'apart', include: files.filter((path) => !shared.includes(path)) } },
    ],
  },
});
