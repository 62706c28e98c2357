import { BotMessage } from './bot-message.ts'
import { explainSilence } from '../history/explain-silence.ts'
import type { UserMessageType } from '../messages/sample-content.ts'
import { SentMessage } from './sent-message.ts'
import type { UserDeps } from './user-deps.ts'
import type { UserWriting } from '../messages/user-message.ts'
import { DEFAULT_WAIT_MS, type WaitOptions } from './wait-options.ts'

/** A bot (an app) or a person, in a mention. */
export type Mentionable = { readonly name: string } & ({ readonly appId: string } | { readonly userId: string })

export interface Writing {
  /**
   * Who is mentioned. A text names them by the placeholders `@_user_1`, `@_user_2`, ... in this order; those it
   * does not name itself are put in front.
   */
  readonly at?: readonly Mentionable[]
  /** The message that this one answers. */
  readonly replyTo?: { readonly messageId: string }
}

/** One user's view of a chat with a bot, p2p or group. */
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

  /** Sends a message of any type; without `content` a sample of it. */
  send(messageType: UserMessageType, content?: Readonly<Record<string, unknown>>, writing: Writing = {}): SentMessage {
    const sent = this.#deps.users.send({ ...this.#writing(writing), messageType, ...(content && { content }) })
    return new SentMessage(this.#deps, this.#where, sent)
  }

  /** The bot's messages in this chat by now, oldest first. */
  get botMessages(): BotMessage[] {
    const { appId, userId } = this.#where
    return this.#deps.chats
      .messagesOfBot(appId)
      .filter(({ chatId }) => chatId === this.chatId)
      .map((stored) => new BotMessage(this.#deps, appId, userId, stored))
  }

  /**
   * The next message of the bot, reply or not: each call takes one, the first the oldest of all. Rejects with
   * DEADLINE_EXCEEDED.
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

  /** The user opens the p2p chat. */
  enter(): { eventId: string } {
    return this.#deps.users.enterP2p(this.#where)
  }

  clickMenu(eventKey: string): { eventId: string } {
    return this.#deps.users.clickMenu({ ...this.#where, eventKey })
  }

  /** The user brings the bot into the group. */
  addBot(): { eventId: string } {
    return this.#deps.users.changeMembership({ ...this.#where, name: this.#name }, true)
  }

  /** The user takes the bot out of the group. */
  removeBot(): { eventId: string } {
    return this.#deps.users.changeMembership({ ...this.#where, name: this.#name }, false)
  }

  #writing({ at, replyTo }: Writing): UserWriting {
    const mentions = at?.map((one) => ({ name: one.name, ...('userId' in one && { userId: one.userId }) }))
    return { ...this.#where, ...(mentions && { mentions }), ...(replyTo && { replyTo: replyTo.messageId }) }
  }
}
