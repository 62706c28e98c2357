import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What `npm test` showed as its slowest files. */
const LONGEST = [
  'system/main-job',
  'system/process',
  'faults/workers-shutdown',
  'faults/database',
  'store/pglite',
  'faults/workers',
  'faults/system',
  'threads/bot-worker',
  'system/streams',
  'messages/lifecycle-property',
  'cli/doctor',
  'cli/demo',
  'faults/overload',
  'store/postgres',
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
