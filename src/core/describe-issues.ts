export interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** `field: what is wrong` per issue of a failed validation; `root` stands for the whole. */
export function describeIssues(error: { readonly issues: readonly Issue[] }, root = 'options'): string {
  return error.issues.map(({ path, message }) => `${path.join('.') || root}: ${message}`).join('\n')
}
