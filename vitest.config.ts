import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Child processes and their servers end with the worker that began them.
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
