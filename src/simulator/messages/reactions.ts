import { type ApiResult, accepted, type CallBody, refused } from '../shared/api-result.ts'
import type { History } from '../history/history.ts'
import { newId } from '../shared/ids.ts'
import type { ChatStore } from './chat-store.ts'

/** The documented `data` of a reaction. [D] */
export interface ReactionData {
  readonly reaction_id: string
  readonly operator: { readonly operator_id: string; readonly operator_type: 'app' }
  readonly action_time: string
  readonly reaction_type: { readonly emoji_type: string }
}

export interface ReactionsDeps {
  readonly chats: ChatStore
  readonly history: History
  readonly clock: { now(): number }
}

/** Emojis that bots add to messages. Emojis of users reach the bot only as events. */
export class Reactions {
  readonly #deps: ReactionsDeps
  /** Reactions by message id. */
  readonly #reactions = new Map<string, Map<string, ReactionData>>()

  constructor(deps: ReactionsDeps) {
    this.#deps = deps
  }

  add(appId: string, messageId: string, body: CallBody): ApiResult<ReactionData> {
    const { clock, chats } = this.#deps
    if (chats.messageOf(appId, messageId) === undefined) return unknown(messageId)
    const { emoji_type: emoji } = (body['reaction_type'] ?? {}) as { emoji_type?: unknown }
    if (typeof emoji !== 'string' || emoji === '') return refused(231001, 'reaction type is invalid') // [A]
    const reaction: ReactionData = {
      reaction_id: newId(),
      operator: { operator_id: appId, operator_type: 'app' },
      action_time: String(clock.now()),
      reaction_type: { emoji_type: emoji },
    }
    this.#of(messageId).set(reaction.reaction_id, reaction)
    this.#record(appId, messageId, emoji, true)
    return accepted(reaction)
  }

  /** Removes a reaction. Only the bot's own can be removed. [S] */
  remove(appId: string, messageId: string, reactionId: string): ApiResult<ReactionData> {
    const reaction = this.#of(messageId).get(reactionId)
    if (reaction?.operator.operator_id !== appId) return refused(231003, 'the reaction does not exist') // [A]
    this.#of(messageId).delete(reactionId)
    this.#record(appId, messageId, reaction.reaction_type.emoji_type, false)
    return accepted(reaction)
  }

  list(appId: string, messageId: string, emojiType: string | undefined): ApiResult<object> {
    if (this.#deps.chats.messageOf(appId, messageId) === undefined) return unknown(messageId)
    const items = [...this.#of(messageId).values()].filter(
      ({ reaction_type: { emoji_type: emoji } }) => emojiType === undefined || emoji === emojiType,
    )
    return accepted({ items, has_more: false, page_token: '' })
  }

  #of(messageId: string): Map<string, ReactionData> {
    const known = this.#reactions.get(messageId) ?? new Map<string, ReactionData>()
    this.#reactions.set(messageId, known)
    return known
  }

  #record(appId: string, messageId: string, emojiType: string, isAdded: boolean): void {
    this.#deps.history.append({ kind: 'bot_reacted', appId, messageId, emojiType, isAdded })
  }
}

function unknown(messageId: string): ApiResult<never> {
  return refused(99992354, `id not exist, invalid ids: [${messageId}]`)
}
