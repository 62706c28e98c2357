import { type ApiResult, accepted, type CallBody, refused } from '../shared/api-result.ts'
import type { CallbackAnswer } from '../events/callback-answer.ts'
import { checkCard } from '../cards/check-card.ts'
import type { ChatStore } from './chat-store.ts'
import type { MessageEdits } from './message-edits.ts'

const MAX_UPDATES = 2
const UPDATE_WINDOW_MS = 1_800_000

interface Callback {
  readonly appId: string
  readonly messageId: string | undefined
  readonly until: number
  updateCount: number
}

/** Callbacks of clicks on cards. The answer may set a new card at once; the token allows two more within 30 minutes. [D] */
export class CardCallbacks {
  readonly #callbacks = new Map<string, Callback>()
  readonly #chats: ChatStore
  readonly #edits: MessageEdits
  readonly #clock: { now(): number }

  constructor(chats: ChatStore, edits: MessageEdits, clock: { now(): number }) {
    this.#chats = chats
    this.#edits = edits
    this.#clock = clock
  }

  /** Shows the card of an answer. The token is valid from now on, not before the callback was answered. [D] */
  onAnswer(token: string, appId: string, messageId: string | undefined, answer: CallbackAnswer): void {
    if (answer.kind !== 'answered' || answer.code !== 200) return
    const until = this.#clock.now() + UPDATE_WINDOW_MS
    this.#callbacks.set(token, { appId, messageId, until, updateCount: 0 })
    const { card } = (answer.data ?? {}) as { card?: { type?: unknown; data?: unknown } }
    if (card?.type === 'raw') this.#show(appId, messageId, card.data)
  }

  /** `POST interactive/v1/card/update`. The codes of its refusals are assumed. [A] */
  update(appId: string, { token, card }: CallBody): ApiResult<object> {
    const callback = this.#callbacks.get(String(token))
    if (callback?.appId !== appId) return refused(300090, 'the token is invalid')
    if (callback.until <= this.#clock.now()) return refused(300091, 'the token has expired')
    if (callback.updateCount >= MAX_UPDATES) return refused(300092, 'the token was used up')
    const checked = checkCard(JSON.stringify(card ?? null))
    if (!checked.ok) return checked
    callback.updateCount += 1
    this.#show(appId, callback.messageId, card)
    return accepted({})
  }

  #show(appId: string, messageId: string | undefined, card: unknown): void {
    const message = messageId === undefined ? undefined : this.#chats.messageOf(appId, messageId)
    if (message !== undefined) this.#edits.renew(appId, message, JSON.stringify(card))
  }
}
