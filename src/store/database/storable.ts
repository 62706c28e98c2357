import { createHash } from 'node:crypto'
import { systemClock } from '../../core/time/clock.ts'
import type { ErrorRecord } from '../../core/errors.ts'

const REPLACEMENT = '\uFFFD'

/** A lone surrogate or a NUL: legal in a JavaScript string, refused or changed by PostgreSQL's text. */
// oxlint-disable-next-line no-control-regex
const UNSTORABLE = /[\p{Surrogate}\u0000]/gu

/** An index entry holds at most about 2 700 bytes; Feishu's ids have about 40. */
const MAX_KEY_BYTES = 512

/** The text as PostgreSQL takes it. An event must never be lost over a character. */
export function storable(text: string): string {
  return text.replace(UNSTORABLE, REPLACEMENT)
}

/** A text that goes into an index. One that is too long keeps its beginning and stays distinct. */
export function storableKey(text: string): string {
  const key = storable(text)
  if (Buffer.byteLength(key) <= MAX_KEY_BYTES) return key
  return storable(`${key.slice(0, 64)}~${createHash('sha256').update(key).digest('hex')}`)
}

/** An instant PostgreSQL takes, milliseconds since the epoch; now if it makes no sense. */
export function storableInstant(at: number): number {
  return Number.isFinite(at) && Math.abs(at) <= 8.64e15 ? at : Date.now()
}

/** The JSON text of an error for a jsonb column, which refuses escaped NULs and lone surrogates too. */
export function storableError({ code, message, retryable, stack }: ErrorRecord): string {
  return JSON.stringify({ code, message: storable(message), retryable, ...(stack && { stack: storable(stack) }) })
}

/** An instant of ours as the database takes it: by its own clock. */
export function ago(at: number | undefined): number | null {
  return at === undefined ? null : Math.max(0, systemClock.now() - at)
}
