import type { CardClickResult } from '../events/callback-answer.ts'
import type { History } from '../history/history.ts'
import type { ChatStore } from '../messages/chat-store.ts'
import type { TypedMessage, UserMessage } from '../messages/user-message.ts'
import type { CardClick, MembershipChange, MenuClick, Reaction, Reading, UserAction } from './user-action.ts'

/** What people do; `Users` does it. An interface, so that the package's types do not lead to sockets and packages. */
interface UserActions {
  send(message: UserMessage | TypedMessage): { messageId: string; eventId: string }
  react(reaction: Reaction): { eventId: string }
  recall(messageId: string): { eventId: string }
  changeMembership(change: MembershipChange, isAdded: boolean): { eventId: string }
  enterP2p(action: UserAction): { eventId: string }
  clickMenu(click: MenuClick): { eventId: string }
  read(reading: Reading): { eventId: string }
  clickCard(click: CardClick): Promise<CardClickResult>
}

/** Parts of the platform that users and chats need. */
export interface UserDeps {
  readonly users: UserActions
  readonly chats: Pick<ChatStore, 'messagesOfBot'>
  readonly history: History
}
