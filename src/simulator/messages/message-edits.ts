import { type ApiResult, accepted, type CallBody, type Refusal, refused } from '../shared/api-result.ts'
import { checkCard } from '../cards/check-card.ts'
import type { History } from '../history/history.ts'
import type { ChatStore } from './chat-store.ts'
import { readContent } from './posted-message.ts'
import type { CallLimit } from '../shared/rate-limits.ts'
import type { StoredMessage } from '../shared/stored-message.ts'

const MAX_EDITS = 20
const PATCH_WINDOW_MS = 14 * 86_400_000

export interface MessageEditsDeps {
  readonly chats: ChatStore
  readonly history: History
  /** Limit for new contents of each card message. */
  readonly patchLimit: CallLimit
  readonly clock: { now(): number }
}

/** Calls of an app for existing messages: read, edit, update a card, recall. */
export class MessageEdits {
  readonly #deps: MessageEditsDeps

  constructor(deps: MessageEditsDeps) {
    this.#deps = deps
  }

  /** `GET im/v1/messages/:id`, also for a user's message. 99992354 for an id that does not exist for this app. [D] */
  get(appId: string, messageId: string): ApiResult<StoredMessage> {
    const message = this.#deps.chats.messageOf(appId, messageId)
    return message === undefined ? unknown(messageId) : accepted(message)
  }

  /** `PUT im/v1/messages/:id`: texts and posts (230054 for others) [D], at most 20 times [D] (then 230072 [F]). */
  edit(appId: string, messageId: string, body: CallBody): ApiResult<StoredMessage> {
    const own = this.#own(appId, messageId)
    if (!own.ok) return own
    const { msgType, editCount } = own.data
    if (msgType !== 'text' && msgType !== 'post') return refused(230054, 'this message type cannot be edited')
    if (body['msg_type'] !== msgType) return refused(230055, 'the message type does not match')
    if (editCount >= MAX_EDITS) return refused(230072, 'the message has reached the number of times it can be edited')
    const content = readContent(msgType, body['content'])
    if (!content.ok) return content
    own.data.editCount += 1
    return this.renew(appId, own.data, content.data)
  }

  /**
   * `PATCH im/v1/messages/:id`: cards only (230054), 5 a second [D] (230020), within 14 days (230031) [D]. The card must
   * be shared (`update_multi: true`) before and after the update [D]. The code of that refusal is assumed [A].
   */
  patch(appId: string, messageId: string, body: CallBody): ApiResult<StoredMessage> {
    const { patchLimit, clock } = this.#deps
    const own = this.#own(appId, messageId)
    if (!own.ok) return own
    const message = own.data
    if (message.msgType !== 'interactive') return refused(230054, 'only cards can be updated')
    if (clock.now() - Number(message.createTime) > PATCH_WINDOW_MS) {
      return refused(230031, 'the message was sent more than 14 days ago')
    }
    const content = readContent('interactive', body['content'])
    if (!content.ok) return content
    const checked = checkCard(content.data)
    if (!checked.ok) return checked
    if (!isShared(message.content) || !isShared(content.data)) {
      return refused(230099, 'failed to update the card: it is not shared, set config.update_multi to true')
    }
    if (patchLimit.take(messageId) > 0) return refused(230020, 'the updates of this message are too frequent')
    return this.renew(appId, message, content.data)
  }

  /** `DELETE im/v1/messages/:id`: own messages only (230027 [A]), once (230011). [D] */
  recall(appId: string, messageId: string): ApiResult<StoredMessage> {
    const own = this.#own(appId, messageId)
    if (!own.ok) return own
    own.data.isRecalled = true
    this.#deps.history.append({ kind: 'message_recalled', appId, chatId: own.data.chatId, messageId })
    return own
  }

  /** Sets new content of a message, visible to all. */
  renew(appId: string, message: StoredMessage, content: string): ApiResult<StoredMessage> {
    const { history, clock } = this.#deps
    message.content = content
    message.updateTime = String(clock.now())
    const { chatId, messageId } = message
    history.append({ kind: 'message_updated', appId, chatId, messageId, content })
    return accepted(message)
  }

  #own(appId: string, messageId: string): ApiResult<StoredMessage> {
    const message = this.#deps.chats.messageOf(appId, messageId)
    if (message === undefined) return unknown(messageId)
    if (message.sender.kind !== 'app') return refused(230027, 'the message was not sent by this app')
    if (message.isRecalled) return refused(230011, 'the message was recalled')
    return accepted(message)
  }
}

function unknown(messageId: string): Refusal {
  return refused(99992354, `id not exist, invalid ids: [${messageId}]`)
}

/** Whether a card is shared. Default for schema 2.0: true. [A] */
function isShared(content: string): boolean {
  const card = JSON.parse(content) as { schema?: unknown; type?: unknown; config?: { update_multi?: unknown } }
  if (card.type === 'template') return true
  return card.config?.update_multi === true || (card.schema === '2.0' && card.config?.update_multi !== false)
}
