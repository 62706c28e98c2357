import { z } from '@hono/zod-openapi'

/** A point in time as the API shows it: ISO 8601, UTC. */
export const instant = z.iso.datetime()

/** `at` in milliseconds since the epoch. */
export function iso(at: number): string {
  return new Date(at).toISOString()
}

/** The field of this name, or none. */
export function instantOf<K extends string>(name: K, at: number | undefined): { [P in K]?: string } {
  return at === undefined ? {} : ({ [name]: iso(at) } as { [P in K]?: string })
}
