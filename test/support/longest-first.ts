import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Slowest files as `npm test` showed them. Those that compute and those that wait take turns: they run side by side. */
const LONGEST = [
  'system/main-job',
  'system/streams',
  'faults/database',
  'system/process',
  'faults/statements',
  'faults/workers-shutdown',
  'store/pglite',
  'faults/instances',
  'faults/workers',
  'threads/chat-pool',
  'cli/doctor',
  'faults/system',
  'threads/bot-worker',
  'faults/overload',
  'cli/demo',
  'store/postgres',
  'messages/lifecycle-property',
]

/**
 * Starts the longest files first, so that none of them runs alone at the end. Vitest knows how long a file took only
 * where it ran before, and a fresh checkout has no such cache.
 */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = await super.sort(files)
    const longest = LONGEST.flatMap((name) => others.filter(({ moduleId }) => moduleId.endsWith(`/${name}.test.ts`)))
    return [...new Set([...longest, ...others])]
  }
}
