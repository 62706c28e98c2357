import type { Clock } from '../../core/time/clock.ts'
import { FeishuSupervisorError } from '../../core/errors.ts'
import type { CardCallbacks } from '../messages/card-callbacks.ts'
import { type CardClickResult, shownErrorOf } from '../events/callback-answer.ts'
import type { EventDelivery } from '../events/event-delivery.ts'
import type { History } from '../history/history.ts'
import { newId } from '../shared/ids.ts'
import type { ChatStore } from '../messages/chat-store.ts'
import type { PlatformEvent } from '../events/platform-event.ts'
import type { StoredMessage } from '../shared/stored-message.ts'
import {
  type CardClick,
  DEFAULT_GROUP_NAME,
  type MembershipChange,
  type MenuClick,
  type RawEvent,
  type Reading,
  type Reaction,
  toCardEvent,
  toMembershipEvent,
  toMenuEvent,
  toP2pEnteredEvent,
  toRawEvent,
  toReactionEvent,
  toReadEvent,
  toRecallEvent,
  type UserAction,
} from './user-action.ts'
import { toMessageEvent, type TypedMessage, type UserMessage, userIdOf } from '../messages/user-message.ts'

export interface UsersDeps {
  readonly chats: ChatStore
  readonly callbacks: CardCallbacks
  readonly delivery: EventDelivery
  readonly history: History
  readonly clock: Pick<Clock, 'now'>
  /** Throws if the app was not added. */
  readonly requireApp: (appId: string) => unknown
}

/** All actions of users. Each action is recorded, changes the rights of the bot, and is sent to the app as an event. */
export class Users {
  readonly #deps: UsersDeps

  constructor(deps: UsersDeps) {
    this.#deps = deps
  }

  send(message: UserMessage | TypedMessage): { messageId: string; eventId: string } {
    const { chats, delivery, history, requireApp } = this.#deps
    const { appId, chatId } = message
    requireApp(appId)
    if (message.replyTo !== undefined) this.#found(message.replyTo)
    const { stored, index } = chats.addUserMessage(message)
    const event = toMessageEvent(message, stored)
    const { messageId, eventId } = event
    const text = 'text' in message ? message.text : `[${message.messageType}]`
    history.append({ kind: 'sent', appId, chatId, messageId, eventId, text, index })
    delivery.deliver(event)
    return { messageId, eventId }
  }

  react(reaction: Reaction): { eventId: string } {
    const { chats, clock } = this.#deps
    const { appId, messageId } = reaction
    const { message } = this.#found(messageId)
    const userId = reaction.userId ?? userIdOf(message)
    chats.meet(appId, userId)
    return this.#emit(toReactionEvent({ ...reaction, userId }, clock.now()))
  }

  recall(messageId: string): { eventId: string } {
    const { history, clock } = this.#deps
    const { appId, message } = this.#found(messageId)
    const { chatId } = message
    message.isRecalled = true
    history.append({ kind: 'recalled', appId, chatId, messageId })
    return this.#emit(toRecallEvent(appId, chatId, messageId, clock.now()), chatId)
  }

  changeMembership(change: MembershipChange, isAdded: boolean): { eventId: string } {
    const { chats, clock, requireApp } = this.#deps
    const { appId, chatId } = change
    requireApp(appId)
    chats.meet(appId, userIdOf(change))
    if (isAdded) chats.join(appId, chatId, { type: 'group', name: change.name ?? DEFAULT_GROUP_NAME }).isLeft = false
    else chats.leave(appId, chatId)
    return this.#emit(toMembershipEvent(change, isAdded, clock.now()), chatId)
  }

  enterP2p(action: UserAction): { eventId: string } {
    const { chats, clock, requireApp } = this.#deps
    const { appId, chatId } = action
    requireApp(appId)
    chats.meet(appId, userIdOf(action), chatId)
    return this.#emit(toP2pEnteredEvent(action, chats.chatOf(appId, chatId)?.lastMessage, clock.now()), chatId)
  }

  clickMenu(click: MenuClick): { eventId: string } {
    const { chats, clock, requireApp } = this.#deps
    requireApp(click.appId)
    chats.meet(click.appId, userIdOf(click), click.chatId)
    return this.#emit(toMenuEvent(click, clock.now()))
  }

  read(reading: Reading): { eventId: string } {
    const { clock } = this.#deps
    for (const messageId of reading.messageIds) this.#found(messageId)
    return this.#emit(toReadEvent(reading, clock.now()))
  }

  sendEvent(event: RawEvent): { eventId: string } {
    const { clock, requireApp } = this.#deps
    requireApp(event.appId)
    return this.#emit(toRawEvent(event, clock.now()))
  }

  async clickCard(click: CardClick): Promise<CardClickResult> {
    const { chats, callbacks, delivery, history, clock, requireApp } = this.#deps
    const { appId, chatId, messageId } = click
    requireApp(appId)
    chats.join(appId, chatId, {})
    const token = newId('c-')
    const event = toCardEvent(click, token, clock.now())
    const { eventId, type } = event
    history.append({ kind: 'event_sent', appId, eventId, type, chatId })
    const answer = await delivery.call(event)
    callbacks.onAnswer(token, appId, messageId, answer)
    const shownError = shownErrorOf(answer)
    return { eventId, ...answer, ...(shownError !== undefined && { shownError }) }
  }

  #emit(event: PlatformEvent, chatId?: string): { eventId: string } {
    const { delivery, history } = this.#deps
    const { appId, eventId, type } = event
    history.append({ kind: 'event_sent', appId, eventId, type, ...(chatId !== undefined && { chatId }) })
    delivery.deliver(event)
    return { eventId }
  }

  #found(messageId: string): { readonly appId: string; readonly message: StoredMessage } {
    const found = this.#deps.chats.find(messageId)
    if (found === undefined) throw new FeishuSupervisorError('CONFIG_INVALID', `there is no message "${messageId}"`)
    return found
  }
}
