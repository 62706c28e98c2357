import type { Clock } from '../core/clock.ts'
import { TENANT_KEY, userIds } from './app-directory.ts'
import { newId, stableId } from './ids.ts'
import { RateLimit } from './rate-limits.ts'
import type { PlatformEvent } from './platform-event.ts'
import { type UserWriting, userIdOf } from './user-message.ts'

/** A repeated uuid shows nothing new for this long. [D] */
const UUID_GUARD_MS = 3_600_000
const MAX_UUID_LENGTH = 50
/** Largest content: 150 KB for a text, 30 KB for cards and posts. [D] */
const MAX_TEXT_BYTES = 150 * 1024
const MAX_RICH_BYTES = 30 * 1024

const RECEIVE_ID_TYPES = ['open_id', 'union_id', 'user_id', 'email', 'chat_id']
const MSG_TYPES = new Set(
  'text post image file audio media sticker interactive share_chat share_user system'.split(' '),
)

/** The documented `data` of a created message. [D] */
export interface MessageData {
  readonly message_id: string
  readonly root_id?: string
  readonly parent_id?: string
  readonly msg_type: string
  readonly create_time: string
  readonly update_time: string
  readonly deleted: false
  readonly updated: false
  readonly chat_id: string
  readonly sender: { id: string; id_type: 'app_id'; sender_type: 'app'; tenant_key: string }
  readonly body: { readonly content: string }
}

export type PostResult =
  | { readonly ok: true; readonly data: MessageData; readonly repeated: boolean }
  | { readonly ok: false; readonly code: number; readonly msg: string }

/** The body of a create or reply call, unchecked. */
export type PostBody = Readonly<Record<string, unknown>>

interface Known {
  readonly chatId: string
  readonly rootId: string
  isRecalled?: boolean
}

export interface LastMessage {
  readonly messageId: string
  readonly createTime: string
}

/** The chats and messages of one app. */
interface Board {
  /** Number of user messages by chat. */
  readonly chats: Map<string, number>
  /** Chat of a receive id: chat ids and the ids of users in p2p chats. */
  readonly targets: Map<string, string>
  /** Groups the bot was removed from. */
  readonly left: Set<string>
  readonly lastMessages: Map<string, LastMessage>
  readonly messages: Map<string, Known>
  /** In order of use, which is the order in which they expire. */
  readonly uuids: Map<string, { readonly data: MessageData; readonly until: number }>
}

/**
 * Who may post where, and the uuid guard. An app knows the chats and users it was told of by an event.
 * What a repeated uuid answers is not documented: here the original message with code 0. [A]
 */
export class MessageBoard {
  readonly #boards = new Map<string, Board>()
  readonly #clock: Pick<Clock, 'now'>
  readonly #chatLimit: RateLimit

  /** Takes at most `perChat` messages per second into a chat, whatever app they come from; 0: any number. */
  constructor(clock: Pick<Clock, 'now'>, perChat = 0) {
    this.#clock = clock
    this.#chatLimit = new RateLimit(perChat, clock)
  }

  /** Returns the index of the message among the user messages of its chat. */
  addUserMessage(message: UserWriting, event: PlatformEvent): number {
    const { appId, chatId } = message
    const board = this.#boardOf(appId)
    const index = board.chats.get(chatId) ?? 0
    board.chats.set(chatId, index + 1)
    board.targets.set(chatId, chatId)
    if (message.chatType !== 'group') this.meet(appId, userIdOf(message), chatId)
    board.messages.set(event.messageId, { chatId, rootId: event.messageId })
    board.lastMessages.set(chatId, { messageId: event.messageId, createTime: String(this.#clock.now()) })
    return index
  }

  /** The app may write to this user: in the given chat, in the one it knows, or in a new one. */
  meet(appId: string, userId: string, chatId?: string): void {
    const { targets } = this.#boardOf(appId)
    const { open_id, union_id, user_id } = userIds(appId, userId)
    const p2pChatId = chatId ?? targets.get(open_id) ?? stableId('oc_', appId, userId)
    for (const id of [p2pChatId, open_id, union_id, user_id]) targets.set(id, p2pChatId)
  }

  join(appId: string, chatId: string): void {
    const board = this.#boardOf(appId)
    board.targets.set(chatId, chatId)
    board.left.delete(chatId)
  }

  leave(appId: string, chatId: string): void {
    this.#boardOf(appId).left.add(chatId)
  }

  /** Where a message is, whosever it is. */
  find(messageId: string): { readonly appId: string; readonly chatId: string } | undefined {
    for (const [appId, { messages }] of this.#boards) {
      const known = messages.get(messageId)
      if (known !== undefined) return { appId, chatId: known.chatId }
    }
    return undefined
  }

  recall(appId: string, messageId: string): void {
    const known = this.#boardOf(appId).messages.get(messageId)
    if (known !== undefined) known.isRecalled = true
  }

  lastMessage(appId: string, chatId: string): LastMessage | undefined {
    return this.#boardOf(appId).lastMessages.get(chatId)
  }

  /** `POST im/v1/messages`: 99992402 without a valid receive_id_type [D], 230034 for an unknown receiver [D]. */
  create(appId: string, receiveIdType: string | undefined, body: PostBody): PostResult {
    if (receiveIdType === undefined || !RECEIVE_ID_TYPES.includes(receiveIdType)) {
      return refused(99992402, 'field validation failed: receive_id_type')
    }
    const { receive_id: receiveId } = body
    const chatId = typeof receiveId === 'string' ? this.#boardOf(appId).targets.get(receiveId) : undefined
    if (chatId === undefined) return refused(230034, 'receive_id is invalid')
    return this.#post(appId, body, { chatId })
  }

  /** `POST im/v1/messages/:id/reply`: 99992354 for an id that does not exist for this app, 230011 for a recalled one. [D] */
  reply(appId: string, messageId: string, body: PostBody): PostResult {
    const target = this.#boardOf(appId).messages.get(messageId)
    if (target === undefined) return refused(99992354, `id not exist, invalid ids: [${messageId}]`)
    if (target.isRecalled === true) return refused(230011, 'the message was recalled')
    return this.#post(appId, body, { chatId: target.chatId, rootId: target.rootId, parentId: messageId })
  }

  #post(
    appId: string,
    body: PostBody,
    place: { readonly chatId: string; readonly rootId?: string; readonly parentId?: string },
  ): PostResult {
    const { msg_type: msgType, content, uuid } = body
    if (typeof msgType !== 'string' || !MSG_TYPES.has(msgType)) return refused(230001, 'invalid msg_type')
    if (!isJsonText(content)) return refused(230001, 'content is not a string in json format')
    if (Buffer.byteLength(content) > (msgType === 'text' ? MAX_TEXT_BYTES : MAX_RICH_BYTES)) {
      return refused(230025, 'the length of the message content reaches its limit')
    }
    if (uuid !== undefined && (typeof uuid !== 'string' || uuid.length > MAX_UUID_LENGTH)) {
      return refused(99992402, `field validation failed: uuid has more than ${MAX_UUID_LENGTH} characters`)
    }
    if (this.#chatLimit.take(place.chatId) > 0) return refused(230020, 'the messages to this chat are too frequent')
    const board = this.#boardOf(appId)
    if (board.left.has(place.chatId)) return refused(230002, 'the bot is not in the group')
    const now = this.#clock.now()
    forgetExpired(board, now)
    const original = uuid ? board.uuids.get(uuid) : undefined
    if (original !== undefined) return { ok: true, data: original.data, repeated: true }

    const data: MessageData = {
      message_id: newId('om_'),
      ...(place.parentId !== undefined && { parent_id: place.parentId }),
      ...(place.rootId !== undefined && { root_id: place.rootId }),
      msg_type: msgType,
      create_time: String(now),
      update_time: String(now),
      deleted: false,
      updated: false,
      chat_id: place.chatId,
      sender: { id: appId, id_type: 'app_id', sender_type: 'app', tenant_key: TENANT_KEY },
      body: { content },
    }
    board.messages.set(data.message_id, { chatId: place.chatId, rootId: place.rootId ?? data.message_id })
    board.lastMessages.set(place.chatId, { messageId: data.message_id, createTime: data.create_time })
    if (uuid) board.uuids.set(uuid, { data, until: now + UUID_GUARD_MS })
    return { ok: true, data, repeated: false }
  }

  #boardOf(appId: string): Board {
    let board = this.#boards.get(appId)
    if (board === undefined) {
      board = {
        chats: new Map(),
        targets: new Map(),
        left: new Set(),
        lastMessages: new Map(),
        messages: new Map(),
        uuids: new Map(),
      }
      this.#boards.set(appId, board)
    }
    return board
  }
}

function forgetExpired(board: Board, now: number): void {
  for (const [uuid, { until }] of board.uuids) {
    if (until > now) return
    board.uuids.delete(uuid)
  }
}

function refused(code: number, msg: string): PostResult {
  return { ok: false, code, msg }
}

function isJsonText(content: unknown): content is string {
  if (typeof content !== 'string') return false
  try {
    JSON.parse(content)
    return true
  } catch {
    return false
  }
}
