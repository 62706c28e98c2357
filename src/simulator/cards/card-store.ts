import { type ApiResult, accepted, type CallBody, refused } from '../shared/api-result.ts'
import { type CardChange, readJson } from './card-change.ts'
import { type CardJson, changeSettings, isStreaming } from './card-json.ts'
import { checkCard } from './check-card.ts'
import type { History } from '../history/history.ts'
import { RATE_LIMITED } from '../faults/fault.ts'
import { newDigits } from '../shared/ids.ts'
import { CallLimit } from '../shared/rate-limits.ts'
import type { StoredMessage } from '../shared/stored-message.ts'

const LIFE_MS = 14 * 86_400_000
/** Streaming ends automatically after this time. [D] */
const STREAMING_MS = 600_000
/** Most operations per second outside streaming. [D] */
const OPERATIONS_PER_SECOND = 10
const MAX_CARD_BYTES = 30 * 1024

interface Card {
  readonly appId: string
  readonly createdAt: number
  json: CardJson
  /** Sequence of the last operation. Each operation needs a larger one. [D] */
  sequence: number
  /** Sequence of each used uuid. */
  readonly uuids: Map<string, number>
  streamingSince: number
  /** A card can be sent once. [D] */
  message?: StoredMessage
}

/**
 * The cards of cardkit/v1. A card is created, then sent as `{"type":"card","data":{"card_id":...}}`, then changed by
 * operations in sequence. [D, S] An operation with a used uuid and the same sequence changes nothing and answers code 0
 * [A]. With another sequence it is refused with 200770 [D].
 */
export class CardStore {
  readonly #cards = new Map<string, Card>()
  readonly #history: History
  readonly #clock: { now(): number }
  readonly #operations: CallLimit

  constructor(history: History, clock: { now(): number }) {
    this.#history = history
    this.#clock = clock
    this.#operations = new CallLimit(OPERATIONS_PER_SECOND, clock)
  }

  create(appId: string, { type, data }: CallBody): ApiResult<{ readonly card_id: string }> {
    if (type !== 'card_json' && type !== 'template') {
      return refused(99992402, 'field validation failed: type must be card_json or template')
    }
    const read = readJson(data, 'data')
    if (!read.ok) return read
    if (type === 'card_json' && read.data['schema'] !== '2.0') {
      return refused(99992402, 'field validation failed: data must be a card of schema 2.0')
    }
    const checked = checkSize(read.data)
    if (!checked.ok) return checked
    const cardId = newDigits(19)
    const now = this.#clock.now()
    this.#cards.set(cardId, {
      appId,
      createdAt: now,
      json: read.data,
      sequence: 0,
      uuids: new Map(),
      streamingSince: now,
    })
    return accepted({ card_id: cardId })
  }

  /** Opens the card of a message: its own JSON, or the stored card it names, which then belongs to the message. */
  open(appId: string, content: string): ApiResult<{ readonly shown: string; bind(message: StoredMessage): void }> {
    const { type, data } = JSON.parse(content) as { type?: unknown; data?: { card_id?: unknown } }
    if (type !== 'card') {
      const checked = checkCard(content)
      return checked.ok ? accepted({ shown: content, bind() {} }) : checked
    }
    const found = this.#find(appId, String(data?.card_id))
    if (!found.ok) return refused(230099, `Failed to create card content, ext=ErrCode: ${found.code}; ${found.msg};`)
    const card = found.data
    if (card.message !== undefined)
      return refused(230099, 'Failed to create card content, ext=the card was sent before')
    return accepted({
      shown: JSON.stringify(card.json),
      bind: (message) => {
        card.message = message
      },
    })
  }

  /** The card of a message. Creates a stored card for a message that was sent as plain JSON. */
  cardOf(appId: string, message: StoredMessage | undefined): ApiResult<{ readonly card_id: string }> {
    if (message?.msgType !== 'interactive') return refused(200740, 'there is no card in this message')
    for (const [cardId, card] of this.#cards) if (card.message === message) return accepted({ card_id: cardId })
    const made = this.create(appId, { type: 'template', data: message.content })
    const card = made.ok ? this.#cards.get(made.data.card_id) : undefined
    if (card !== undefined) card.message = message
    return made
  }

  /** Streamed text has no rate limit. It is possible only while the card streams (else 300309). [D] */
  stream(appId: string, cardId: string, body: CallBody, change: CardChange): ApiResult<object> {
    const found = this.#find(appId, cardId)
    if (!found.ok) return found
    if (!isStreaming(found.data.json)) return refused(300309, 'streaming mode is closed')
    if (this.#clock.now() - found.data.streamingSince >= STREAMING_MS) {
      found.data.json = changeSettings(found.data.json, { config: { streaming_mode: false } })
      return refused(200850, 'streaming has timed out')
    }
    return this.#operate(found.data, body, change)
  }

  operate(appId: string, cardId: string, body: CallBody, change: CardChange): ApiResult<object> {
    const found = this.#find(appId, cardId)
    if (!found.ok) return found
    if (!isStreaming(found.data.json) && this.#operations.take(cardId) > 0) {
      return refused(RATE_LIMITED.code, RATE_LIMITED.msg)
    }
    return this.#operate(found.data, body, change)
  }

  #operate(card: Card, { sequence, uuid }: CallBody, change: CardChange): ApiResult<object> {
    const used = typeof uuid === 'string' ? card.uuids.get(uuid) : undefined
    if (used !== undefined) return used === sequence ? accepted({}) : refused(200770, 'uuid conflict')
    if (typeof sequence !== 'number' || !Number.isInteger(sequence) || sequence <= card.sequence) {
      return refused(300317, `sequence must be above ${card.sequence}`)
    }
    const changed = change(card.json)
    if (!changed.ok) return changed
    const checked = checkSize(changed.data)
    if (!checked.ok) return checked
    if (isStreaming(changed.data) && !isStreaming(card.json)) card.streamingSince = this.#clock.now()
    card.json = changed.data
    card.sequence = sequence
    if (typeof uuid === 'string') card.uuids.set(uuid, sequence)
    this.#show(card)
    return accepted({})
  }

  #show({ appId, json, message }: Card): void {
    if (message === undefined) return
    message.content = JSON.stringify(json)
    message.updateTime = String(this.#clock.now())
    const { chatId, messageId, content } = message
    this.#history.append({ kind: 'message_updated', appId, chatId, messageId, content })
  }

  /** 200740 for a missing card, 300311 for a card of another app, 200750 after 14 days. [D] */
  #find(appId: string, cardId: string): ApiResult<Card> {
    const card = this.#cards.get(cardId)
    if (card === undefined) return refused(200740, 'the card does not exist')
    if (card.appId !== appId) return refused(300311, 'the card belongs to another app')
    if (this.#clock.now() - card.createdAt >= LIFE_MS) return refused(200750, 'the card has expired')
    return accepted(card)
  }
}

/** Checks the size: 300305 for more than 200 elements, 200860 for too many bytes. [D] */
function checkSize(card: CardJson): ApiResult<object> {
  const json = JSON.stringify(card)
  if (!checkCard(json).ok) return refused(300305, 'the card has too many components')
  if (Buffer.byteLength(json) > MAX_CARD_BYTES) return refused(200860, 'the card is too big')
  return accepted(card)
}
