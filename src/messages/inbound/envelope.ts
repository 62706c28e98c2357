import { asObject } from '../../core/as-object.ts'
import { errorText } from '../../core/errors.ts'
import type { EventBase } from '../../protocol/model/event-base.ts'

export type Fields = Readonly<Record<string, unknown>>

/** An event that can never be handled. `reason` names the field. */
export interface BadEvent {
  readonly kind: 'bad'
  readonly reason: string
}

/**
 * Smallest number that is read as microseconds. Most events give milliseconds, some (card.action.trigger) give
 * microseconds.
 */
const MICROSECONDS_FROM = 1e14

/**
 * Reads the fields that both envelopes share: schema 2.0 with its header, and v1 with `uuid` and `ts` at the top.
 * `arrivedAt` is used when the time is missing.
 */
export function readEnvelope(
  botId: string,
  payload: string,
  arrivedAt: number,
): { readonly kind: 'envelope'; readonly base: EventBase } | BadEvent {
  let envelope: Fields
  try {
    envelope = asObject(parseJson(payload))
  } catch (error) {
    return bad(`the payload cannot be read: ${errorText(error)}`)
  }
  const header = asObject(envelope['header'])
  if (typeof envelope['event'] !== 'object' || envelope['event'] === null) return bad('event is missing')
  return {
    kind: 'envelope',
    base: {
      botId,
      eventId: text(header['event_id']) || text(envelope['uuid']),
      createdAt: instantFrom(header['create_time']) ?? secondsInstant(envelope['ts']) ?? arrivedAt,
      raw: asObject(envelope['event']),
    },
  }
}

/** Matches JSON that may contain the key `__proto__`, also with escaped letters. */
const MAY_SAY_PROTO = /__proto__|\\u/

/**
 * Parses JSON and drops the key `__proto__`. As plain data this key is harmless, but code that copies an object key by
 * key is in danger. Checking every key takes ten times as long, so it is done only when the key may be there.
 */
export function parseJson(json: string): unknown {
  if (!MAY_SAY_PROTO.test(json)) return JSON.parse(json)
  return JSON.parse(json, (key, value: unknown) => (key === '__proto__' ? undefined : value))
}

export function bad(reason: string): BadEvent {
  return { kind: 'bad', reason }
}

/** Returns the string, or '' for any other value. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Returns `{ [name]: text }`, or `{}` if there is no text. For optional fields. */
export function optionalText<K extends string>(name: K, value: unknown): { readonly [key in K]?: string } {
  return text(value) === '' ? {} : ({ [name]: value } as { readonly [key in K]: string })
}

/** Reads a decimal string as milliseconds since the epoch. Feishu writes milliseconds, in some events microseconds. */
export function instantFrom(value: unknown): number | undefined {
  const at = typeof value === 'string' && /^\d{1,17}$/.test(value) ? Number(value) : 0
  if (at <= 0) return undefined
  return at >= MICROSECONDS_FROM ? Math.round(at / 1_000) : at
}

/** Reads the time of a v1 envelope: seconds with fractions, e.g. `1502199207.7171419`. */
function secondsInstant(value: unknown): number | undefined {
  const at = typeof value === 'string' && /^\d{1,12}(\.\d+)?$/.test(value) ? Number(value) : 0
  return at > 0 ? Math.round(at * 1_000) : undefined
}
