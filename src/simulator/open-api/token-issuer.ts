import type { Clock } from '../../core/time/clock.ts'
import { newId } from '../shared/ids.ts'

/** Lifetime of a tenant token: 2 h. [D] */
const LIFE_MS = 7_200_000
/** Shortest remaining lifetime at which a request returns the same token. [D] */
const REUSE_MS = 1_800_000

interface Token {
  readonly text: string
  readonly appId: string
  readonly expiresAt: number
}

/**
 * Issues tenant access tokens and finds the app of a token. Below 30 minutes of remaining lifetime a new token is issued,
 * and the old one stays valid until its own end. [D]
 */
export class TokenIssuer {
  readonly #newest = new Map<string, Token>()
  readonly #tokens = new Map<string, Token>()
  readonly #clock: Pick<Clock, 'now'>

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  issue(appId: string): { token: string; expiresInSeconds: number; reused: boolean } {
    const now = this.#clock.now()
    const current = this.#newest.get(appId)
    const reused = current !== undefined && current.expiresAt - now >= REUSE_MS
    const token = reused ? current : { text: newId('t-'), appId, expiresAt: now + LIFE_MS }
    this.#newest.set(appId, token)
    this.#tokens.set(token.text, token)
    return { token: token.text, expiresInSeconds: Math.floor((token.expiresAt - now) / 1000), reused }
  }

  /** The app of a token. Undefined if the token is unknown, expired or revoked. */
  appOf(token: string): string | undefined {
    const known = this.#tokens.get(token)
    return known !== undefined && known.expiresAt > this.#clock.now() ? known.appId : undefined
  }

  revoke(appId: string): void {
    this.#newest.delete(appId)
    for (const token of this.#tokens.values()) if (token.appId === appId) this.#tokens.delete(token.text)
  }
}
