export interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** Lists the issues of a failed validation, one line `field: problem` each. `root` names an issue without a field. */
export function describeIssues(error: { readonly issues: readonly Issue[] }, root = 'options'): string {
  return error.issues.map(({ path, message }) => `${path.join('.') || root}: ${message}`).join('\n')
}
