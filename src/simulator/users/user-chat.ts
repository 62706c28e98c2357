import { BotMessage } from './bot-message.ts'
import { explainSilence } from '../history/explain-silence.ts'
import type { UserMessageType } from '../messages/sample-content.ts'
import { SentMessage } from './sent-message.ts'
import type { UserDeps } from './user-deps.ts'
import type { UserWriting } from '../messages/user-message.ts'
import { DEFAULT_WAIT_MS, type WaitOptions } from '../history/history.ts'

/** Target of a mention: a bot (an app) or a person. */
export type Mentionable = { readonly name: string } & ({ readonly appId: string } | { readonly userId: string })

export interface Writing {
  /**
   * Mentions. A text contains them as placeholders `@_user_1`, `@_user_2`, ... in this order. Missing placeholders are
   * added in front of the text.
   */
  readonly at?: readonly Mentionable[]
  /** The message that this one answers. */
  readonly replyTo?: { readonly messageId: string }
}

/** A chat of one user with a bot, p2p or group. */
export class UserChat {
  readonly chatId: string
  readonly #deps: UserDeps
  readonly #where: Required<Pick<UserWriting, 'appId' | 'chatId' | 'userId' | 'chatType'>>
  readonly #name: string
  #readCount = 0

  /** @internal */
  constructor(
    deps: UserDeps,
    where: Required<Pick<UserWriting, 'appId' | 'chatId' | 'userId' | 'chatType'>>,
    name: string,
  ) {
    this.#deps = deps
    this.#where = where
    this.#name = name
    this.chatId = where.chatId
  }

  say(text: string, writing: Writing = {}): SentMessage {
    const missing = (writing.at ?? []).map((_, index) => `@_user_${index + 1}`).filter((key) => !text.includes(key))
    const sent = this.#deps.users.send({ ...this.#writing(writing), text: [...missing, text].join(' ') })
    return new SentMessage(this.#deps, this.#where, sent)
  }

  /** Sends a message of any type. Default content: a sample of the type. */
  send(messageType: UserMessageType, content?: Readonly<Record<string, unknown>>, writing: Writing = {}): SentMessage {
    const sent = this.#deps.users.send({ ...this.#writing(writing), messageType, ...(content && { content }) })
    return new SentMessage(this.#deps, this.#where, sent)
  }

  /** Messages of the bot in this chat so far, oldest first. */
  get botMessages(): BotMessage[] {
    const { appId, userId } = this.#where
    return this.#deps.chats
      .messagesOfBot(appId)
      .filter(({ chatId }) => chatId === this.chatId)
      .map((stored) => new BotMessage(this.#deps, appId, userId, stored))
  }

  /**
   * Resolves with the next message of the bot, reply or not. The first call returns the oldest message, each further
   * call the one after it. Rejects with `DEADLINE_EXCEEDED`.
   */
  async next({ timeoutMs = DEFAULT_WAIT_MS }: WaitOptions = {}): Promise<BotMessage> {
    const index = this.#readCount
    const { history } = this.#deps
    const explain = (): string => {
      const last = history.entries.findLast((entry) => entry.kind === 'sent' && entry.chatId === this.chatId)
      const why =
        last?.kind === 'sent' ? ` (${explainSilence(history.entries, this.#where.appId, last.messageId)})` : ''
      return `no further message of the bot in ${this.chatId}${why}`
    }
    const message = await history.until(() => this.botMessages[index], timeoutMs, explain)
    this.#readCount = index + 1
    return message
  }

  /** Opens the p2p chat. */
  enter(): { eventId: string } {
    return this.#deps.users.enterP2p(this.#where)
  }

  clickMenu(eventKey: string): { eventId: string } {
    return this.#deps.users.clickMenu({ ...this.#where, eventKey })
  }

  /** Adds the bot to the group. */
  addBot(): { eventId: string } {
    return this.#deps.users.changeMembership({ ...this.#where, name: this.#name }, true)
  }

  /** Removes the bot from the group. */
  removeBot(): { eventId: string } {
    return this.#deps.users.changeMembership({ ...this.#where, name: this.#name }, false)
  }

  #writing({ at, replyTo }: Writing): UserWriting {
    const mentions = at?.map((one) => ({ name: one.name, ...('userId' in one && { userId: one.userId }) }))
    return { ...this.#where, ...(mentions && { mentions }), ...(replyTo && { replyTo: replyTo.messageId }) }
  }
}
