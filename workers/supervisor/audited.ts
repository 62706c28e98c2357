import { errorText, toErrorRecord } from '../../src/core/errors.ts'
import type { Logger } from '../../src/core/log/logger.ts'
import type { AccessStore } from '../../src/store/store.ts'

export interface AuditedAction {
  /** The user and the credential. */
  readonly by: string
  readonly action: string
  /** Of what was made, only the result knows it. */
  readonly subject?: string
  readonly fields?: readonly string[]
}

/** Runs what an administrator ordered and writes down that it was, and how it ended. */
export type Audited = <T>(action: AuditedAction, run: () => Promise<T>, subjectOf?: (result: T) => string) => Promise<T>

/** The record is written after the action. An action whose record cannot be written is logged. */
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
