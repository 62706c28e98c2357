import { configDefaults, defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Dies at every crash point on both databases; minutes long, so a script of its own: npm run test:drill.
    exclude: [...configDefaults.exclude, ...(process.env['DRILL'] === '1' ? [] : ['test/drill/**'])],
    // Threads are tested as built files, so the build runs first; see test/support/global-setup.ts.
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 90_000,
    hookTimeout: 60_000,
    reporters: ['default'],
  },
})
