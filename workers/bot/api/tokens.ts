import type { Client } from '@larksuiteoapi/node-sdk'
import { asObject } from '../../../src/core/as-object.ts'
import type { Clock } from '../../../src/core/time/clock.ts'
import type { HttpAnswer } from '../http/http.ts'

/** Time before its expiry at which a token is replaced: the same margin as in the SDK. */
const MARGIN_MS = 3 * 60_000

/** Credentials of the app. One shared object per bot thread: a new secret is written into it. */
export interface Credentials {
  readonly appId: string
  appSecret: string
}

interface Token {
  readonly value: string
  /** Secret that the token was issued for. */
  readonly appSecret: string
  readonly expiresAt: number
}

/** Feishu answered the token call without a token. */
export class TokenRefused extends Error {
  readonly answer: HttpAnswer

  constructor(answer: HttpAnswer) {
    super('no access token')
    this.answer = answer
  }
}

/**
 * The bot's tenant access token. All waiting replies share one request, and a refused token can be dropped. The SDK's
 * own cache does neither: ten calls at once make ten requests, and a revoked token is used until it expires.
 */
export class Tokens {
  readonly #client: Client
  readonly #credentials: Credentials
  readonly #clock: Clock
  #token: Token | undefined
  #request: Promise<Token> | undefined

  constructor(client: Client, credentials: Credentials, clock: Clock) {
    this.#client = client
    this.#credentials = credentials
    this.#clock = clock
  }

  /** Rejects with `TokenRefused`, or as `Http` does if there was no answer. */
  async current(): Promise<string> {
    const token = this.#token
    const isFresh = token !== undefined && token.expiresAt - MARGIN_MS > this.#clock.now()
    if (isFresh && token.appSecret === this.#credentials.appSecret) return token.value
    this.#request ??= this.#fetch().finally(() => {
      this.#request = undefined
    })
    this.#token = await this.#request
    return this.#token.value
  }

  /** Forgets `token` if it is still the current one. */
  drop(token: string): void {
    if (this.#token?.value === token) this.#token = undefined
  }

  async #fetch(): Promise<Token> {
    const { appId, appSecret } = this.#credentials
    const answer = await this.#client.request<HttpAnswer>({
      method: 'POST',
      url: '/open-apis/auth/v3/tenant_access_token/internal',
      data: { app_id: appId, app_secret: appSecret },
    })
    const { tenant_access_token: value, expire } = asObject(answer.body)
    if (typeof value !== 'string' || typeof expire !== 'number') throw new TokenRefused(answer)
    return { value, appSecret, expiresAt: this.#clock.now() + expire * 1000 }
  }
}
