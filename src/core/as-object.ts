/** Reads untrusted JSON as an object; anything else becomes an empty one, so that every field is just absent. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
