import type { History } from '../history/history.ts'
import type { ChatStore } from '../messages/chat-store.ts'
import type { Users } from './users.ts'

/** Parts of the platform that users and chats need. */
export interface UserDeps {
  readonly users: Users
  readonly chats: Pick<ChatStore, 'messagesOfBot'>
  readonly history: History
}
