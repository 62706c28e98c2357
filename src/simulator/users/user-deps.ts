import type { History } from '../history/history.ts'
import type { MessageBoard } from '../messages/message-board.ts'
import type { Users } from './users.ts'

/** What a person's view of the platform is made of. */
export interface UserDeps {
  readonly users: Users
  readonly board: Pick<MessageBoard, 'messagesOfBot'>
  readonly history: History
}
