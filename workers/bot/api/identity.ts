import { withTenantToken } from '@larksuiteoapi/node-sdk'
import { asObject } from '../../../src/core/as-object.ts'
import type { Clock } from '../../../src/core/time/clock.ts'
import type { FeishuApi } from './feishu-api.ts'
import type { HttpAnswer } from '../http/http.ts'
import { verdictOf } from './send-answer.ts'

export interface IdentityDeps {
  readonly api: FeishuApi
  /** It was learnt before. */
  readonly isKnown: boolean
  readonly clock: Pick<Clock, 'now'>
  learned(openId: string): void
}

/** A question that failed is not repeated before. */
const PAUSE_MS = 60_000

/**
 * The bot's own open id, by which it knows that a message mentions it: `GET /open-apis/bot/v3/info`, asked when
 * the credentials are known to work. An app keeps it for ever.
 */
export class Identity {
  readonly #deps: IdentityDeps
  #isKnown: boolean
  #askAgainAt = 0

  constructor(deps: IdentityDeps) {
    this.#deps = deps
    this.#isKnown = deps.isKnown
  }

  /** Never rejects; the next call asks again. */
  async ask(): Promise<void> {
    const { api, clock, learned } = this.#deps
    if (this.#isKnown || clock.now() < this.#askAgainAt) return
    this.#askAgainAt = clock.now() + PAUSE_MS
    const openId = await ownOpenId(api)
    if (openId === undefined) return
    this.#isKnown = true
    learned(openId)
  }
}

async function ownOpenId({ client, tokens }: FeishuApi): Promise<string | undefined> {
  try {
    const token = await tokens.current()
    const answer = await client.request<HttpAnswer>(
      { method: 'GET', url: '/open-apis/bot/v3/info' },
      withTenantToken(token),
    )
    if (verdictOf(answer) === 'refresh_token') tokens.drop(token)
    // Not inside `data`, unlike every other answer.
    const { code, bot } = asObject(answer.body)
    const { open_id: openId } = asObject(bot)
    return code === 0 && typeof openId === 'string' && openId !== '' ? openId : undefined
  } catch {
    // Sends report what is wrong with the API.
    return undefined
  }
}
