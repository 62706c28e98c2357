import { createHash } from 'node:crypto'
import { CARD_ACTION_TYPE } from './inbound-event.ts'
import type { FeishuEvent } from './message.ts'

/** Times above this value are microseconds (card.action.trigger). Most events give milliseconds. */
const MICROSECONDS_FROM = 1e14

/** Kept bytes of an envelope above the limit: enough to identify the event. */
const OVERSIZE_KEPT_BYTES = 4_096

/**
 * Reads the fields that delivery needs from a raw envelope, v1 or v2. Keeps the envelope as text, or only its beginning
 * above `maxPayloadBytes`. An envelope of an unknown shape is kept too; its key is the hash of its text. Nothing that
 * Feishu sent is dropped here.
 */
export function toFeishuEvent(envelope: unknown, receivedAt: number, maxPayloadBytes = Infinity): FeishuEvent {
  const payload = JSON.stringify(withoutToken(envelope)) ?? 'null'
  const payloadBytes = Buffer.byteLength(payload)
  const isOversize = payloadBytes > maxPayloadBytes
  const header = field(envelope, 'header')
  const event = field(envelope, 'event')
  const message = field(event, 'message')

  const type = text(field(header, 'event_type')) ?? text(field(event, 'type')) ?? 'unknown'
  const eventId = text(field(header, 'event_id')) ?? text(field(envelope, 'uuid'))
  const messageId = type === 'im.message.receive_v1' ? text(field(message, 'message_id')) : undefined
  const chatId =
    text(field(message, 'chat_id')) ??
    text(field(event, 'chat_id')) ??
    text(field(field(event, 'context'), 'open_chat_id'))
  const createTime = Number(text(field(message, 'create_time')) ?? text(field(header, 'create_time')))

  return {
    dedupeKey: dedupeKey(messageId, eventId, payload),
    eventId: eventId ?? '',
    type,
    // Each card action has its own lane: it needs an answer even while its chat is busy.
    lane: type === CARD_ACTION_TYPE ? `card:${eventId ?? ''}` : (chatId ?? type),
    createdAt:
      createTime > 0 ? Math.round(createTime >= MICROSECONDS_FROM ? createTime / 1000 : createTime) : receivedAt,
    receivedAt,
    payload: isOversize ? beginningOf(payload) : payload,
    ...(isOversize ? { oversizeBytes: payloadBytes } : {}),
  }
}

/** Removes the Verification Token: it is a secret of the app, and it is not needed after the webhook was checked. */
function withoutToken(envelope: unknown): unknown {
  if (typeof envelope !== 'object' || envelope === null || Array.isArray(envelope)) return envelope
  const { token: _v1, ...rest } = envelope as Record<string, unknown>
  const header = field(envelope, 'header')
  if (typeof header !== 'object' || header === null || Array.isArray(header)) return rest
  const { token: _v2, ...kept } = header as Record<string, unknown>
  return { ...rest, header: kept }
}

/** Cuts at a whole character: encodeInto stops before a character that does not fit. */
function beginningOf(payload: string): string {
  const bytes = new Uint8Array(OVERSIZE_KEPT_BYTES)
  const { read } = new TextEncoder().encodeInto(payload, bytes)
  return payload.slice(0, read)
}

function dedupeKey(messageId: string | undefined, eventId: string | undefined, payload: string): string {
  if (messageId !== undefined) return `m:${messageId}`
  if (eventId !== undefined) return `e:${eventId}`
  return `h:${createHash('sha256').update(payload).digest('hex')}`
}

/** An own property of an object, else `undefined`: a prototype never supplies a field. */
function field(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null && Object.hasOwn(of, name)
    ? (of as Record<string, unknown>)[name]
    : undefined
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
