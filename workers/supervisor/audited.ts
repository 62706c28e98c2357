import { errorText, toErrorRecord } from '../../src/core/errors.ts'
import type { Logger } from '../../src/core/log/logger.ts'
import type { AccessStore } from '../../src/store/store.ts'

export interface AuditedAction {
  /** User and credential that gave the order. */
  readonly by: string
  readonly action: string
  /** Id of the affected record. Absent when the action has none, or for a new record, whose id is in the result. */
  readonly subject?: string
  readonly fields?: readonly string[]
}

/** Runs an order of an administrator and writes it with its outcome to the audit log. `subjectOf` reads the id of a new record from the result. */
export type Audited = <T>(action: AuditedAction, run: () => Promise<T>, subjectOf?: (result: T) => string) => Promise<T>

/** Creates an `Audited`. The audit record is written after the action. A record that cannot be written is logged instead. */
export function createAudited(access: () => Pick<AccessStore, 'audit'>, log: Logger): Audited {
  const write = async ({ by, action, subject = '', fields = [] }: AuditedAction, error?: string): Promise<void> => {
    try {
      await access().audit({ actor: by, action, subject, fields, ...(error === undefined ? {} : { error }) })
    } catch (thrown) {
      log.error(`not in the audit log: ${action} ${subject} by ${by}: ${errorText(thrown)}`)
    }
  }
  return async (action, run, subjectOf) => {
    try {
      const result = await run()
      await write(subjectOf === undefined ? action : { ...action, subject: subjectOf(result) })
      return result
    } catch (thrown) {
      await write(action, toErrorRecord(thrown).code)
      throw thrown
    }
  }
}
