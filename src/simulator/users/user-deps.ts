import type { History } from '../history/history.ts'
import type { ChatStore } from '../messages/chat-store.ts'
import type { Users } from './users.ts'

/** What a person's view of the platform is made of. */
export interface UserDeps {
  readonly users: Users
  readonly chats: Pick<ChatStore, 'messagesOfBot'>
  readonly history: History
}
