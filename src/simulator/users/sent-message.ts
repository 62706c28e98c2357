import { BotMessage } from './bot-message.ts'
import { explainSilence } from '../history/explain-silence.ts'
import type { UserDeps } from './user-deps.ts'
import { DEFAULT_WAIT_MS, type WaitOptions } from '../history/history.ts'

/** A message from a user to a bot. */
export class SentMessage {
  readonly messageId: string
  readonly eventId: string
  readonly #deps: UserDeps
  readonly #appId: string
  readonly #userId: string

  /** @internal */
  constructor(
    deps: UserDeps,
    { appId, userId }: { readonly appId: string; readonly userId: string },
    { messageId, eventId }: { readonly messageId: string; readonly eventId: string },
  ) {
    this.#deps = deps
    this.#appId = appId
    this.#userId = userId
    this.messageId = messageId
    this.eventId = eventId
  }

  /** Visible replies of the bot to this message so far, oldest first. */
  get replies(): BotMessage[] {
    return this.#deps.chats
      .messagesOfBot(this.#appId)
      .filter(({ parentId }) => parentId === this.messageId)
      .map((stored) => new BotMessage(this.#deps, this.#appId, this.#userId, stored))
  }

  /** Waits for the first reply. Rejects with `DEADLINE_EXCEEDED`. The error text says what the platform observed of the bot. */
  reply({ timeoutMs = DEFAULT_WAIT_MS }: WaitOptions = {}): Promise<BotMessage> {
    const { history } = this.#deps
    const explain = (): string =>
      `no reply to ${this.messageId} (${explainSilence(history.entries, this.#appId, this.messageId)})`
    return history.until(() => this.replies[0], timeoutMs, explain)
  }

  recall(): { eventId: string } {
    return this.#deps.users.recall(this.messageId)
  }

  /** Adds an emoji, e.g. `THUMBSUP`. */
  react(emojiType: string): { eventId: string } {
    return this.#react(emojiType, false)
  }

  unreact(emojiType: string): { eventId: string } {
    return this.#react(emojiType, true)
  }

  #react(emojiType: string, isRemoved: boolean): { eventId: string } {
    const { messageId } = this
    return this.#deps.users.react({ appId: this.#appId, messageId, emojiType, isRemoved, userId: this.#userId })
  }
}
