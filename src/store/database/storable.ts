import { createHash } from 'node:crypto'
import { systemClock } from '../../core/time/clock.ts'
import type { ErrorRecord } from '../../core/errors.ts'

const REPLACEMENT = '\uFFFD'

/**
 * Matches a lone surrogate or a NUL. Both are legal in a JavaScript string, but PostgreSQL's `text` refuses or changes
 * them.
 */
// oxlint-disable-next-line no-control-regex
const UNSTORABLE = /[\p{Surrogate}\u0000]/gu

/** Longest key, in bytes. An index entry holds at most about 2 700 bytes; Feishu's ids have about 40. */
const MAX_KEY_BYTES = 512

/** Replaces characters that PostgreSQL refuses. An event must never be lost because of a character. */
export function storable(text: string): string {
  return text.replace(UNSTORABLE, REPLACEMENT)
}

/**
 * Makes a text fit for an index. A text that is too long keeps its beginning and gets its hash, so it stays distinct.
 */
export function storableKey(text: string): string {
  const key = storable(text)
  if (Buffer.byteLength(key) <= MAX_KEY_BYTES) return key
  return storable(`${key.slice(0, 64)}~${createHash('sha256').update(key).digest('hex')}`)
}

/**
 * Returns an instant that PostgreSQL takes, in milliseconds since the epoch. An impossible instant becomes the current
 * time.
 */
export function storableInstant(at: number): number {
  return Number.isFinite(at) && Math.abs(at) <= 8.64e15 ? at : Date.now()
}

/** Returns the JSON text of an error for a jsonb column, which refuses escaped NULs and lone surrogates too. */
export function storableError({ code, message, retryable, stack }: ErrorRecord): string {
  return JSON.stringify({ code, message: storable(message), retryable, ...(stack && { stack: storable(stack) }) })
}

/**
 * Turns an instant of this process into its age in milliseconds. The database subtracts the age from its own clock.
 * Null if not known.
 */
export function ago(at: number | undefined): number | null {
  return at === undefined ? null : Math.max(0, systemClock.now() - at)
}
