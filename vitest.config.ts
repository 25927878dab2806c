import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A process can be killed. A thread that hangs while it ends holds up the whole run for ever.
    pool: 'forks',
    // By default one core is left idle, which is half of a small machine.
    maxWorkers: '100%',
    testTimeout: 30_000,
  },
});
