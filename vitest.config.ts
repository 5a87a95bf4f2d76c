import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Tests of what is installed, and with real servers and other clients, which `npm run test:fast` leaves out. */
const real = ['test/real/**/*.test.ts', 'test/scripts.test.ts', 'test/dist.test.ts']

export default defineConfig({
  test: {
    // Child processes and their servers end with the worker that began them.
    pool: 'forks',
    globalSetup: 'test/untouched.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: real,
          // One process for many files: loading src/ anew for each takes longer than its tests.
          isolate: false,
          maxWorkers: availableParallelism() + 2, // some tests only wait, for seconds
          sequence: { groupOrder: 0 },
          // By it a fake clock knows when work that takes real time is done (test/fakes/clock.ts).
          env: { UV_THREADPOOL_SIZE: '1' },
        },
      },
      {
        extends: true,
        // Most of them wait for servers, most of the time.
        test: {
          name: 'real',
          include: real,
          globalSetup: 'test/built.ts',
          maxWorkers: availableParallelism() + 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
