import { z } from '@hono/zod-openapi'

/** Instant in the API: ISO 8601, UTC. */
export const instant = z.iso.datetime()

/** Writes an instant as ISO 8601. `at`: milliseconds since the epoch. */
export function iso(at: number): string {
  return new Date(at).toISOString()
}

/** Object with the instant as field `name`; empty without an instant. */
export function instantOf<K extends string>(name: K, at: number | undefined): { [P in K]?: string } {
  return at === undefined ? {} : ({ [name]: iso(at) } as { [P in K]?: string })
}
