import { asObject } from '../../core/as-object.ts'
import { errorText } from '../../core/errors.ts'
import type { EventBase } from '../../protocol/model/event-base.ts'

export type Fields = Readonly<Record<string, unknown>>

/** An event can never be handled; `reason` names the field. */
export interface BadEvent {
  readonly kind: 'bad'
  readonly reason: string
}

/** Some events give microseconds (card.action.trigger), most milliseconds; above this it must be microseconds. */
const MICROSECONDS_FROM = 1e14

/**
 * Reads what the envelopes have in common: schema 2.0 with its header, and v1 with `uuid` and `ts` at
 * the top. `arrivedAt` stands in for a missing time.
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

/** However its letters are written. */
const MAY_SAY_PROTO = /__proto__|\\u/

/**
 * Without the key `__proto__`: as plain data it is harmless, but not to code that copies it key by key. Looking
 * at every key takes ten times as long, so it is done only where the key may be one of them.
 */
export function parseJson(json: string): unknown {
  if (!MAY_SAY_PROTO.test(json)) return JSON.parse(json)
  return JSON.parse(json, (key, value: unknown) => (key === '__proto__' ? undefined : value))
}

export function bad(reason: string): BadEvent {
  return { kind: 'bad', reason }
}

/** Anything but a text is an absent one. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** `{ [name]: text }`, or `{}` if there is none: for optional fields. */
export function optionalText<K extends string>(name: K, value: unknown): { readonly [key in K]?: string } {
  return text(value) === '' ? {} : ({ [name]: value } as { readonly [key in K]: string })
}

/** Feishu writes milliseconds, here and there microseconds, as a decimal string. */
export function instantFrom(value: unknown): number | undefined {
  const at = typeof value === 'string' && /^\d{1,17}$/.test(value) ? Number(value) : 0
  if (at <= 0) return undefined
  return at >= MICROSECONDS_FROM ? Math.round(at / 1_000) : at
}

/** v1 envelopes write seconds with fractions, e.g. `1502199207.7171419`. */
function secondsInstant(value: unknown): number | undefined {
  const at = typeof value === 'string' && /^\d{1,12}(\.\d+)?$/.test(value) ? Number(value) : 0
  return at > 0 ? Math.round(at * 1_000) : undefined
}
