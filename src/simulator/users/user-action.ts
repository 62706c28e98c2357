import { TENANT_KEY, userIds } from '../shared/app-directory.ts'
import { type PlatformEvent, platformEvent } from '../events/platform-event.ts'
import { userIdOf } from '../messages/user-message.ts'

/** An action of a user in a chat of the bot. */
export interface UserAction {
  readonly appId: string
  readonly chatId: string
  /** Default: one user per chat. */
  readonly userId?: string
}

export interface Reaction {
  readonly appId: string
  /** Any message that the app knows, its own included. */
  readonly messageId: string
  /** Feishu's emoji type, e.g. `THUMBSUP`. */
  readonly emojiType: string
  /** Removes the emoji. Default false. */
  readonly isRemoved?: boolean
  /** Default: the user of the message's chat. */
  readonly userId?: string
}

export interface MembershipChange extends UserAction {
  /** Default `Group`. */
  readonly name?: string
  readonly isExternal?: boolean
}

export interface MenuClick extends UserAction {
  readonly eventKey: string
}

export interface CardClick extends UserAction {
  /** The message that shows the card. Without it the card is outside the chat's messages. */
  readonly messageId?: string
  /** Value that the card's author attached to the element. */
  readonly value: unknown
  /** Default `button`. */
  readonly tag?: string
  readonly name?: string
  readonly formValue?: Readonly<Record<string, unknown>>
  /** Id of an earlier click to repeat: the same event is sent once more. */
  readonly eventId?: string
}

/** A user read messages of the bot. */
export interface Reading {
  readonly appId: string
  readonly messageIds: readonly string[]
  readonly userId: string
}

/** Any event of the platform, for types without a user action here. */
export interface RawEvent {
  readonly appId: string
  /** Feishu's event type. */
  readonly type: string
  /** Fields of the event itself. The envelope is added. */
  readonly event: Readonly<Record<string, unknown>>
  /** Version of the envelope. Default `2.0`. Older types such as `p2p_chat_create` have `1.0`. [D] */
  readonly schema?: '1.0' | '2.0'
}

export const DEFAULT_GROUP_NAME = 'Group'

// The fields of the events come from the SDK's types and the documents. [S, D]

export function toReactionEvent(reaction: Reaction & { readonly userId: string }, now: number): PlatformEvent {
  const { appId, messageId, emojiType, isRemoved = false, userId } = reaction
  return platformEvent(
    appId,
    isRemoved ? 'im.message.reaction.deleted_v1' : 'im.message.reaction.created_v1',
    String(now),
    {
      message_id: messageId,
      reaction_type: { emoji_type: emojiType },
      operator_type: 'user',
      user_id: userIds(appId, userId),
      action_time: String(now),
    },
  )
}

export function toMembershipEvent(change: MembershipChange, isAdded: boolean, now: number): PlatformEvent {
  const { appId, chatId, name = DEFAULT_GROUP_NAME, isExternal = false } = change
  const type = isAdded ? 'im.chat.member.bot.added_v1' : 'im.chat.member.bot.deleted_v1'
  return platformEvent(appId, type, String(now), {
    chat_id: chatId,
    operator_id: userIds(appId, userIdOf(change)),
    external: isExternal,
    operator_tenant_key: TENANT_KEY,
    name,
    i18n_names: { zh_cn: name, en_us: name, ja_jp: name },
  })
}

export function toP2pEnteredEvent(
  action: UserAction,
  lastMessage: { readonly messageId: string; readonly createTime: string } | undefined,
  now: number,
): PlatformEvent {
  const { appId, chatId } = action
  return platformEvent(appId, 'im.chat.access_event.bot_p2p_chat_entered_v1', String(now), {
    chat_id: chatId,
    operator_id: userIds(appId, userIdOf(action)),
    ...(lastMessage && {
      last_message_id: lastMessage.messageId,
      last_message_create_time: lastMessage.createTime,
    }),
  })
}

export function toMenuEvent(click: MenuClick, now: number): PlatformEvent {
  const { appId, eventKey } = click
  const userId = userIdOf(click)
  return platformEvent(appId, 'application.bot.menu_v6', String(now), {
    operator: { operator_name: userId, operator_id: userIds(appId, userId) },
    event_key: eventKey,
    timestamp: now,
  })
}

export function toReadEvent({ appId, messageIds, userId }: Reading, now: number): PlatformEvent {
  return platformEvent(appId, 'im.message.message_read_v1', String(now), {
    reader: { reader_id: userIds(appId, userId), read_time: String(now), tenant_key: TENANT_KEY },
    message_id_list: messageIds,
  })
}

export function toRawEvent({ appId, type, event, schema = '2.0' }: RawEvent, now: number): PlatformEvent {
  return platformEvent(appId, type, String(now), event, { schema })
}

export function toRecallEvent(appId: string, chatId: string, messageId: string, now: number): PlatformEvent {
  return platformEvent(appId, 'im.message.recalled_v1', String(now), {
    message_id: messageId,
    chat_id: chatId,
    recall_time: String(now),
    recall_type: 'message_owner',
  })
}

/** Measured on a live connection: the time is in microseconds, and the token differs from the header's. [F] */
export function toCardEvent(click: CardClick, token: string, now: number): PlatformEvent {
  const { appId, chatId, messageId, value, tag = 'button', name, formValue, eventId } = click
  const event = {
    operator: { tenant_key: TENANT_KEY, ...userIds(appId, userIdOf(click)) },
    token,
    action: {
      value,
      tag,
      timezone: 'Asia/Shanghai',
      ...(name && { name }),
      ...(formValue && { form_value: formValue }),
    },
    host: 'im_message',
    delivery_type: '',
    context: {
      url: '',
      preview_token: '',
      ...(messageId && { open_message_id: messageId }),
      open_chat_id: chatId,
    },
  }
  return platformEvent(appId, 'card.action.trigger', `${now}000`, event, eventId === undefined ? {} : { eventId })
}
