import { TENANT_KEY, userIds } from './app-directory.ts'

/** A stored message of a chat. */
export interface StoredMessage {
  readonly messageId: string
  readonly chatId: string
  /** The first message of the conversation. Its own id if it answers none. */
  readonly rootId: string
  readonly parentId?: string
  /** The topic, opened by replies with `reply_in_thread`. */
  readonly threadId?: string
  readonly sender: { readonly kind: 'app'; readonly appId: string } | { readonly kind: 'user'; readonly userId: string }
  readonly msgType: string
  /** Content as JSON text. */
  content: string
  readonly createTime: string
  updateTime: string
  editCount: number
  isRecalled: boolean
}

/** The documented `data` of a message. [D] */
export interface MessageData {
  readonly message_id: string
  readonly root_id?: string
  readonly parent_id?: string
  readonly thread_id?: string
  readonly msg_type: string
  readonly create_time: string
  readonly update_time: string
  readonly deleted: boolean
  readonly updated: boolean
  readonly chat_id: string
  readonly sender: {
    readonly id: string
    readonly id_type: 'app_id' | 'open_id'
    readonly sender_type: 'app' | 'user'
    readonly tenant_key: string
  }
  readonly body: { readonly content: string }
}

/** Builds the view of a message for one app: the open_id of its writer differs per app. [D] */
export function toMessageData(appId: string, message: StoredMessage): MessageData {
  const { parentId, threadId, sender } = message
  return {
    message_id: message.messageId,
    ...(parentId !== undefined && { root_id: message.rootId, parent_id: parentId }),
    ...(threadId !== undefined && { thread_id: threadId }),
    msg_type: message.msgType,
    create_time: message.createTime,
    update_time: message.updateTime,
    deleted: message.isRecalled,
    updated: message.editCount > 0,
    chat_id: message.chatId,
    sender:
      sender.kind === 'app'
        ? { id: sender.appId, id_type: 'app_id', sender_type: 'app', tenant_key: TENANT_KEY }
        : {
            id: userIds(appId, sender.userId).open_id,
            id_type: 'open_id',
            sender_type: 'user',
            tenant_key: TENANT_KEY,
          },
    body: { content: message.content },
  }
}
