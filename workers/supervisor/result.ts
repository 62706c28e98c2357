import { toErrorRecord } from '../../src/core/errors.ts'
import type { Result } from '../../src/protocol/host.ts'

/** What `run` resolves or rejects with, as a value that crosses the wire whole. */
export async function result<T>(run: () => Promise<T>): Promise<Result<T>> {
  try {
    return { ok: true, value: await run() }
  } catch (thrown) {
    return { ok: false, error: toErrorRecord(thrown) }
  }
}
