import type { Clock } from '../../core/time/clock.ts'
import { accepted, type ApiResult, type CallBody, refused } from '../shared/api-result.ts'
import { userIds } from '../shared/app-directory.ts'
import type { Assumptions } from '../shared/assumptions.ts'
import type { CardStore } from '../cards/card-store.ts'
import { newId, stableId } from '../shared/ids.ts'
import { readPost } from './posted-message.ts'
import { CallLimit } from '../shared/rate-limits.ts'
import type { StoredMessage } from '../shared/stored-message.ts'
import { contentOf, type TypedMessage, type UserMessage, userIdOf } from './user-message.ts'

/** Time during which a repeated uuid shows no new message. [D] */
const UUID_GUARD_MS = 3_600_000

const RECEIVE_ID_TYPES = ['open_id', 'union_id', 'user_id', 'email', 'chat_id']

/** `isRepeated`: the uuid had been used, and `message` is the earlier message. */
export type PostResult = ApiResult<{ readonly message: StoredMessage; readonly isRepeated: boolean }>

/** State of a chat. */
export interface Chat {
  readonly chatId: string
  type: 'p2p' | 'group'
  name: string
  userMessageCount: number
  lastMessage?: StoredMessage
  /** The bot was removed from the group. */
  isLeft: boolean
}

/** The chats and messages of one app. */
interface AppState {
  readonly chats: Map<string, Chat>
  /** Chats by receive id: chat ids, and the ids of users in p2p chats. */
  readonly targets: Map<string, string>
  readonly messages: Map<string, StoredMessage>
  readonly heldUuids: Set<string>
  /** Used uuids in order of use, which is the order of their expiry. */
  readonly uuids: Map<string, { readonly message: StoredMessage; readonly until: number }>
}

export interface ChatStoreOptions {
  /** Most messages per second into a chat, from all apps together. Default 0: no limit. */
  readonly perChat?: number
  readonly repeatedUuid?: Assumptions['repeatedUuid']
}

/** Chats and messages of all apps: checks who may post where, and guards uuids. An app knows the chats and users of its events. */
export class ChatStore {
  readonly #apps = new Map<string, AppState>()
  readonly #clock: Pick<Clock, 'now'>
  readonly #cards: Pick<CardStore, 'open'>
  readonly #repeatedUuid: Assumptions['repeatedUuid']
  readonly #chatLimit: CallLimit

  constructor(clock: Pick<Clock, 'now'>, cards: Pick<CardStore, 'open'>, options: ChatStoreOptions = {}) {
    const { perChat = 0, repeatedUuid = 'original' } = options
    this.#clock = clock
    this.#cards = cards
    this.#repeatedUuid = repeatedUuid
    this.#chatLimit = new CallLimit(perChat, clock)
  }

  /** Adds a user's message. `index` counts the user messages of the chat from 0. */
  addUserMessage(message: UserMessage | TypedMessage): { readonly stored: StoredMessage; readonly index: number } {
    const { appId, chatId, chatType = 'p2p', replyTo } = message
    const app = this.#appOf(appId)
    const chat = this.join(appId, chatId, { type: chatType })
    if (chatType === 'p2p') this.meet(appId, userIdOf(message), chatId)
    const { messageType, content } = contentOf(message)
    const stored = store(app, chat, {
      sender: { kind: 'user', userId: userIdOf(message) },
      msgType: messageType,
      content: JSON.stringify(content),
      createTime: String(this.#clock.now()),
      ...(replyTo !== undefined && placeBelow(app.messages.get(replyTo), replyTo)),
    })
    return { stored, index: chat.userMessageCount++ }
  }

  /** Allows the app to write to this user: in the given chat, in the known one, or in a new one. */
  meet(appId: string, userId: string, chatId?: string): void {
    const { targets } = this.#appOf(appId)
    const { open_id, union_id, user_id } = userIds(appId, userId)
    const p2pChatId = chatId ?? targets.get(open_id) ?? stableId('oc_', appId, userId)
    this.join(appId, p2pChatId, {})
    for (const id of [open_id, union_id, user_id]) targets.set(id, p2pChatId)
  }

  /** Makes the chat known to the app. A known chat keeps the fields that are not given. */
  join(appId: string, chatId: string, known: Partial<Pick<Chat, 'type' | 'name'>>): Chat {
    const { chats, targets } = this.#appOf(appId)
    const chat = chats.get(chatId) ?? { chatId, type: 'p2p', name: '', userMessageCount: 0, isLeft: false }
    Object.assign(chat, known)
    chats.set(chatId, chat)
    targets.set(chatId, chatId)
    return chat
  }

  leave(appId: string, chatId: string): void {
    this.join(appId, chatId, { type: 'group' }).isLeft = true
  }

  /** A message as the app knows it. Undefined for a message that the app does not know. */
  messageOf(appId: string, messageId: string): StoredMessage | undefined {
    return this.#appOf(appId).messages.get(messageId)
  }

  chatOf(appId: string, chatId: string): Chat | undefined {
    return this.#appOf(appId).chats.get(chatId)
  }

  /** Messages of the app's bot, oldest first. */
  messagesOfBot(appId: string): StoredMessage[] {
    return [...this.#appOf(appId).messages.values()].filter(({ sender }) => sender.kind === 'app')
  }

  /** App and chat of a message, of any sender. */
  find(messageId: string): { readonly appId: string; readonly message: StoredMessage } | undefined {
    for (const [appId, { messages }] of this.#apps) {
      const message = messages.get(messageId)
      if (message !== undefined) return { appId, message }
    }
    return undefined
  }

  /** `POST im/v1/messages`: 99992402 without a valid receive_id_type [D], 230034 for an unknown receiver [D]. */
  create(appId: string, receiveIdType: string | undefined, body: CallBody): PostResult {
    if (receiveIdType === undefined || !RECEIVE_ID_TYPES.includes(receiveIdType)) {
      return refused(99992402, 'field validation failed: receive_id_type')
    }
    const { receive_id: receiveId } = body
    const chatId = typeof receiveId === 'string' ? this.#appOf(appId).targets.get(receiveId) : undefined
    if (chatId === undefined) return refused(230034, 'receive_id is invalid')
    return this.#post(appId, chatId, body)
  }

  /** `POST im/v1/messages/:id/reply`: 99992354 for an id that does not exist for this app, 230011 for a recalled one. [D] */
  reply(appId: string, messageId: string, body: CallBody): PostResult {
    const target = this.messageOf(appId, messageId)
    if (target === undefined) return refused(99992354, `id not exist, invalid ids: [${messageId}]`)
    if (target.isRecalled) return refused(230011, 'the message was recalled')
    return this.#post(appId, target.chatId, body, target)
  }

  /** Holds a uuid while its post is being processed: another post with it is refused with 230049. [D] Returns the function that ends the hold. */
  holdUuid(appId: string, uuid: unknown): ApiResult<() => void> {
    const { heldUuids } = this.#appOf(appId)
    if (typeof uuid !== 'string' || uuid === '') return accepted(() => {})
    if (heldUuids.has(uuid)) return refused(230049, 'the message is being sent')
    heldUuids.add(uuid)
    return accepted(() => void heldUuids.delete(uuid))
  }

  #post(appId: string, chatId: string, body: CallBody, target?: StoredMessage): PostResult {
    const post = readPost(body)
    if (!post.ok) return post
    if (this.#chatLimit.take(chatId) > 0) return refused(230020, 'the messages to this chat are too frequent')
    const app = this.#appOf(appId)
    const chat = this.join(appId, chatId, {})
    if (chat.isLeft) return refused(230002, 'the bot is not in the group')
    const now = this.#clock.now()
    forgetExpired(app, now)
    const { uuid, msgType, content, isInThread } = post.data
    const original = uuid === undefined ? undefined : app.uuids.get(uuid)
    if (original !== undefined) {
      if (this.#repeatedUuid === 'refused') return refused(230049, 'the message is being sent')
      return accepted({ message: original.message, isRepeated: true })
    }
    const card = msgType === 'interactive' ? this.#cards.open(appId, content) : undefined
    if (card?.ok === false) return card
    const message = store(app, chat, {
      sender: { kind: 'app', appId },
      msgType,
      content: card?.data.shown ?? content,
      createTime: String(now),
      ...(target && placeBelow(target, target.messageId, isInThread)),
    })
    card?.data.bind(message)
    if (uuid !== undefined) app.uuids.set(uuid, { message, until: now + UUID_GUARD_MS })
    return accepted({ message, isRepeated: false })
  }

  #appOf(appId: string): AppState {
    let app = this.#apps.get(appId)
    if (app === undefined) {
      app = { chats: new Map(), targets: new Map(), messages: new Map(), heldUuids: new Set(), uuids: new Map() }
      this.#apps.set(appId, app)
    }
    return app
  }
}

type Draft = Pick<StoredMessage, 'sender' | 'msgType' | 'content' | 'createTime'> & Partial<StoredMessage>

function store(app: AppState, chat: Chat, draft: Draft): StoredMessage {
  const messageId = newId('om_')
  const message = {
    messageId,
    chatId: chat.chatId,
    rootId: messageId,
    updateTime: draft.createTime,
    editCount: 0,
    isRecalled: false,
    ...draft,
  }
  app.messages.set(messageId, message)
  chat.lastMessage = message
  return message
}

/** An answer belongs to the conversation and the topic of the answered message. [D] */
function placeBelow(
  target: StoredMessage | undefined,
  parentId: string,
  opensThread = false,
): Pick<StoredMessage, 'rootId' | 'parentId' | 'threadId'> {
  const rootId = target?.rootId ?? parentId
  const threadId = target?.threadId ?? (opensThread ? stableId('omt_', rootId) : undefined)
  return { rootId, parentId, ...(threadId !== undefined && { threadId }) }
}

function forgetExpired(app: AppState, now: number): void {
  for (const [uuid, { until }] of app.uuids) {
    if (until > now) return
    app.uuids.delete(uuid)
  }
}
