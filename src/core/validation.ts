import { FeishuSupervisorError } from './errors.ts'

export interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** Lists the issues of a failed validation, one line `field: problem` each. `root` names an issue without a field. */
export function describeIssues(error: { readonly issues: readonly Issue[] }, root = 'options'): string {
  return error.issues.map(({ path, message }) => `${path.join('.') || root}: ${message}`).join('\n')
}

/** The outcome of a schema's `safeParse`. */
type Parsed<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly error: { readonly issues: readonly Issue[] } }

/** Returns the data of a successful parse. Throws `CONFIG_INVALID` with one line per mistake. */
export function validated<T>(parsed: Parsed<T>): T {
  if (!parsed.success) throw new FeishuSupervisorError('CONFIG_INVALID', describeIssues(parsed.error))
  return parsed.data
}
