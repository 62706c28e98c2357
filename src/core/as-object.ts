/** Reads untrusted JSON as an object. Any other value becomes `{}`, so that every field is absent. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
