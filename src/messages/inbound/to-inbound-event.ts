import { asObject } from '../../core/as-object.ts'
import { CARD_ACTION_TYPE, type InboundEvent, type InboundEventKind } from '../../protocol/model/inbound-event.ts'
import type { EventBase } from '../../protocol/model/event-base.ts'
import { type BadEvent, bad, instantFrom, optionalText, readEnvelope, text } from './envelope.ts'
import { toCardAction } from './to-card-action.ts'
import { MESSAGE_EVENT_TYPE, readMessage } from './to-inbound-message.ts'

export type ParsedEvent = { readonly kind: 'event'; readonly event: InboundEvent } | BadEvent

type Reader = (base: EventBase) => InboundEvent | BadEvent

interface KnownType {
  readonly kind: InboundEventKind
  readonly read: Reader
}

/** Feishu's event types with the kind and the reader of each. Every other type is `other`. */
const KNOWN_TYPES: ReadonlyMap<string, KnownType> = new Map<string, KnownType>([
  [MESSAGE_EVENT_TYPE, { kind: 'message', read: readMessage }],
  ['im.message.reaction.created_v1', { kind: 'reaction', read: reaction('added') }],
  ['im.message.reaction.deleted_v1', { kind: 'reaction', read: reaction('removed') }],
  ['im.chat.member.bot.added_v1', { kind: 'bot_added', read: membership('bot_added') }],
  ['im.chat.member.bot.deleted_v1', { kind: 'bot_removed', read: membership('bot_removed') }],
  ['im.chat.access_event.bot_p2p_chat_entered_v1', { kind: 'p2p_entered', read: toP2pEntered }],
  // The v1 event of the first visit.
  ['p2p_chat_create', { kind: 'p2p_entered', read: toP2pEntered }],
  ['application.bot.menu_v6', { kind: 'menu', read: toMenu }],
  [CARD_ACTION_TYPE, { kind: 'card_action', read: toCardAction }],
])

/** Returns the kind that handlers see for an event type. */
export function kindOf(type: string): InboundEventKind {
  return KNOWN_TYPES.get(type)?.kind ?? 'other'
}

/** Reads a stored envelope of any type. Pure. `arrivedAt` is used when the time is missing. */
export function toInboundEvent(botId: string, type: string, payload: string, arrivedAt: number): ParsedEvent {
  const envelope = readEnvelope(botId, payload, arrivedAt)
  if (envelope.kind === 'bad') return envelope
  const event = (KNOWN_TYPES.get(type)?.read ?? other(type))(envelope.base)
  return event.kind === 'bad' ? event : { kind: 'event', event }
}

function reaction(change: 'added' | 'removed'): Reader {
  return (base) => {
    const { raw } = base
    const messageId = text(raw['message_id'])
    const emojiType = text(asObject(raw['reaction_type'])['emoji_type'])
    const operatorOpenId = text(asObject(raw['user_id'])['open_id'])
    const operatorType = raw['operator_type'] === 'app' ? 'app' : 'user'
    if (messageId === '') return bad('event.message_id is missing')
    if (emojiType === '') return bad('event.reaction_type.emoji_type is missing')
    if (operatorOpenId === '' && operatorType === 'user') return bad('event.user_id.open_id is missing')
    const createdAt = instantFrom(raw['action_time']) ?? base.createdAt
    return { ...base, kind: 'reaction', change, messageId, emojiType, operatorType, operatorOpenId, createdAt }
  }
}

function membership(kind: 'bot_added' | 'bot_removed'): Reader {
  return (base) => {
    const { raw } = base
    const chatId = text(raw['chat_id'])
    const operatorOpenId = text(asObject(raw['operator_id'])['open_id'])
    if (chatId === '') return bad('event.chat_id is missing')
    if (operatorOpenId === '') return bad('event.operator_id.open_id is missing')
    return { ...base, kind, chatId, operatorOpenId, isExternal: raw['external'] === true, name: text(raw['name']) }
  }
}

/** v2 says `operator_id`, v1 `operator`. */
function toP2pEntered(base: EventBase): InboundEvent | BadEvent {
  const { raw } = base
  const chatId = text(raw['chat_id'])
  const operatorOpenId = text(asObject(raw['operator_id'])['open_id']) || text(asObject(raw['operator'])['open_id'])
  const lastMessageAt = instantFrom(raw['last_message_create_time'])
  if (chatId === '') return bad('event.chat_id is missing')
  if (operatorOpenId === '') return bad('event.operator_id.open_id is missing')
  return {
    ...base,
    kind: 'p2p_entered',
    chatId,
    operatorOpenId,
    ...optionalText('lastMessageId', raw['last_message_id']),
    ...(lastMessageAt === undefined ? {} : { lastMessageAt }),
  }
}

function toMenu(base: EventBase): InboundEvent | BadEvent {
  const { raw } = base
  const operator = asObject(raw['operator'])
  const eventKey = text(raw['event_key'])
  const operatorOpenId = text(asObject(operator['operator_id'])['open_id'])
  if (eventKey === '') return bad('event.event_key is missing')
  if (operatorOpenId === '') return bad('event.operator.operator_id.open_id is missing')
  return { ...base, kind: 'menu', eventKey, operatorOpenId, operatorName: text(operator['operator_name']) }
}

function other(type: string): Reader {
  return (base) => ({ ...base, kind: 'other', type, ...optionalText('chatId', base.raw['chat_id']) })
}
