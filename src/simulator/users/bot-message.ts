import type { CardClickResult } from '../events/callback-answer.ts'
import type { UserDeps } from './user-deps.ts'
import type { StoredMessage } from '../shared/stored-message.ts'
import { DEFAULT_WAIT_MS, type WaitOptions } from '../history/history.ts'

/** Fields of a click on a card, besides its value. */
export interface CardPress {
  /** Default `button`. */
  readonly tag?: string
  readonly name?: string
  readonly formValue?: Readonly<Record<string, unknown>>
}

/** A message of a bot, as shown to a user. `content` and `text` follow every later edit. */
export class BotMessage {
  readonly #deps: UserDeps
  readonly #appId: string
  readonly #userId: string
  readonly #stored: StoredMessage

  /** @internal */
  constructor(deps: UserDeps, appId: string, userId: string, stored: StoredMessage) {
    this.#deps = deps
    this.#appId = appId
    this.#userId = userId
    this.#stored = stored
  }

  get messageId(): string {
    return this.#stored.messageId
  }

  get chatId(): string {
    return this.#stored.chatId
  }

  /** The message that this one answers. Undefined for a message that is no answer. */
  get replyTo(): string | undefined {
    return this.#stored.parentId
  }

  /** Message type: `text`, `post`, `interactive`, ... */
  get msgType(): string {
    return this.#stored.msgType
  }

  get isRecalled(): boolean {
    return this.#stored.isRecalled
  }

  /** Parsed content. */
  get content(): unknown {
    return JSON.parse(this.#stored.content)
  }

  /** Text of a text message. For other messages the content as JSON. */
  get text(): string {
    const { text } = this.content as { text?: unknown }
    return this.msgType === 'text' && typeof text === 'string' ? text : this.#stored.content
  }

  /** Clicks a button of the card. Resolves with the bot's answer, or with the error that the user sees. */
  click(value: unknown, press: CardPress = {}): Promise<CardClickResult> {
    const { messageId, chatId } = this
    return this.#deps.users.clickCard({ ...press, appId: this.#appId, chatId, messageId, userId: this.#userId, value })
  }

  /** Marks the message as read by the user. */
  read(): { eventId: string } {
    return this.#deps.users.read({ appId: this.#appId, messageIds: [this.messageId], userId: this.#userId })
  }

  /** Adds an emoji, e.g. `THUMBSUP`. */
  react(emojiType: string): { eventId: string } {
    return this.#react(emojiType, false)
  }

  unreact(emojiType: string): { eventId: string } {
    return this.#react(emojiType, true)
  }

  /** Waits until the message matches: for edits, new cards and streamed text. Rejects with `DEADLINE_EXCEEDED`. */
  async until(matches: (message: BotMessage) => boolean, options: WaitOptions = {}): Promise<this> {
    const { history } = this.#deps
    const explain = (): string => `message ${this.messageId} is still ${this.#stored.content}`
    await history.until(() => matches(this), options.timeoutMs ?? DEFAULT_WAIT_MS, explain)
    return this
  }

  #react(emojiType: string, isRemoved: boolean): { eventId: string } {
    const { messageId } = this
    return this.#deps.users.react({ appId: this.#appId, messageId, emojiType, isRemoved, userId: this.#userId })
  }
}
