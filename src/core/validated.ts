import { describeIssues, type Issue } from './describe-issues.ts'
import { FeishuSupervisorError } from './errors.ts'

/** The outcome of a schema's `safeParse`. */
type Parsed<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly error: { readonly issues: readonly Issue[] } }

/** Returns the data of a successful parse. Throws `CONFIG_INVALID` with one line per mistake. */
export function validated<T>(parsed: Parsed<T>): T {
  if (!parsed.success) throw new FeishuSupervisorError('CONFIG_INVALID', describeIssues(parsed.error))
  return parsed.data
}
