import { defineConfig } from 'vitest/config'

/** Tests of what is installed, and with real servers and other clients, which `npm run test:fast` leaves out. */
const real = ['test/real/**/*.test.ts', 'test/scripts.test.ts', 'test/dist.test.ts']

export default defineConfig({
  test: {
    // Child processes and their servers end with the worker that began them.
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      // One process for many files: loading src/ anew for each takes longer than its tests.
      { extends: true, test: { name: 'fast', include: ['test/**/*.test.ts'], exclude: real, isolate: false } },
      { extends: true, test: { name: 'real', include: real } },
    ],
  },
})
