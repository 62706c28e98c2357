import { userIds } from '../shared/app-directory.ts'
import { stableId } from '../shared/ids.ts'
import type { UserDeps } from './user-deps.ts'
import { UserChat } from './user-chat.ts'

/** A person who uses bots. The same name is the same person, with the same ids and chats. */
export class SimulatedUser {
  readonly name: string
  readonly userId: string
  readonly #deps: UserDeps

  /** @internal */
  constructor(deps: UserDeps, name: string) {
    this.#deps = deps
    this.name = name
    this.userId = name
  }

  /** The ids of the user for one app. open_id differs per app. */
  idsFor({ appId }: { readonly appId: string }): ReturnType<typeof userIds> {
    return userIds(appId, this.userId)
  }

  /** Returns the p2p chat with the bot of an app. */
  chatWith({ appId }: { readonly appId: string }): UserChat {
    const chatId = stableId('oc_', appId, this.userId)
    return new UserChat(this.#deps, { appId, chatId, userId: this.userId, chatType: 'p2p' }, this.name)
  }

  /** Returns the group of this name, with this user and the bot of an app. */
  groupWith({ appId }: { readonly appId: string }, name: string): UserChat {
    const chatId = stableId('oc_', 'group', name)
    return new UserChat(this.#deps, { appId, chatId, userId: this.userId, chatType: 'group' }, name)
  }
}
