import { defineConfig } from 'vitest/config';

/** What takes long, or wants the process for itself: one file after the other, each in a process of its own. */
export default defineConfig({
  test: {
    include: ['test/**/*.soak.ts', 'test/properties/*.test.ts'],
    env: { TACIT_SOAK: process.env['TACIT_SOAK'] ?? '10' },
    pool: 'forks',
    fileParallelism: false,
    // What is left in memory can be told only after a collection.
    execArgv: ['--expose-gc'],
    testTimeout: 600_000,
  },
});
