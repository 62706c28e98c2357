import type { Clock } from '../../../src/core/time/clock.ts'
import { ownOpenId } from './bot-info.ts'
import type { FeishuApi } from './feishu-api.ts'

export interface IdentityDeps {
  readonly api: FeishuApi
  /** The open id is known already. */
  readonly isKnown: boolean
  readonly clock: Pick<Clock, 'now'>
  onIdentified(openId: string): void
}

/** Shortest time between two calls. */
const PAUSE_MS = 60_000

/**
 * Learns the bot's open id, which shows that a message mentions the bot: `GET /open-apis/bot/v3/info`, called when the
 * credentials are known to work. The open id of an app never changes.
 */
export class Identity {
  readonly #deps: IdentityDeps
  #isKnown: boolean
  #nextCallAt = 0

  constructor(deps: IdentityDeps) {
    this.#deps = deps
    this.#isKnown = deps.isKnown
  }

  /** Never rejects. After a failure a later call of `ask` tries again. */
  async ask(): Promise<void> {
    const { api, clock, onIdentified } = this.#deps
    if (this.#isKnown || clock.now() < this.#nextCallAt) return
    this.#nextCallAt = clock.now() + PAUSE_MS
    const openId = await ownOpenId(api)
    if (openId === undefined) return
    this.#isKnown = true
    onIdentified(openId)
  }
}
