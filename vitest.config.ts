import { configDefaults, defineConfig } from 'vitest/config'
import LongestFirst from './test/support/longest-first.ts'
import { NODE_FLAGS } from './test/support/node-flags.ts'

/** Folders of tests that start threads, processes or databases, or wait for timers. */
const HEAVY = ['cli', 'conformance', 'faults', 'http', 'nest', 'simulator', 'store', 'system', 'threads', 'webhook']

/** Dies at every crash point on both databases; minutes long, so a script of its own: `npm run test:drill`. */
const isDrill = process.env['DRILL'] === '1'

const heavy = [...HEAVY.map((folder) => `test/${folder}/**/*.test.ts`), ...(isDrill ? ['test/drill/**/*.test.ts'] : [])]

const common = {
  pool: 'forks' as const,
  // One process for many files: a third of the time would be imports. So a file may not depend on what another left.
  isolate: false,
  execArgv: NODE_FLAGS,
  testTimeout: 90_000,
  hookTimeout: 60_000,
}

export default defineConfig({
  test: {
    // Threads are tested as built files, so the build runs first, once for both projects.
    globalSetup: ['test/support/build.ts'],
    reporters: ['./test/support/slowest-files.ts', 'default'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...common,
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, 'test/drill/**', ...heavy],
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'heavy',
          include: heavy,
          globalSetup: ['test/support/shared-postgres.ts'],
          // More than cores: these tests often wait.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
