import { FeishuSupervisorError } from '../../core/errors.ts'
import { newId } from '../shared/ids.ts'
import { toChallengeRequest, toPushRequest, type Webhook, type PushRequest } from './webhook.ts'

/** The answer to the check of a URL has to come within this time. [D] */
const CHALLENGE_DEADLINE_MS = 1000

/** What became of one request. */
export type PushAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly data?: unknown }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'unreachable' }

export interface WebhookPusherDeps {
  /** Time to answer a push. */
  readonly deadlineMs: number
  readonly now: () => number
}

/**
 * Posts events to the URLs of the apps that have one. HTTP 200 within the deadline is the acknowledgement; a
 * redirect is not followed. [D]
 */
export class WebhookPusher {
  readonly #deps: WebhookPusherDeps
  readonly #webhooks = new Map<string, Webhook>()
  /** By event, where redeliveries repeat the first request. */
  readonly #signed = new Map<string, PushRequest>()
  readonly #stopped = new AbortController()

  constructor(deps: WebhookPusherDeps) {
    this.#deps = deps
  }

  webhookOf(appId: string): Webhook | undefined {
    return this.#webhooks.get(appId)
  }

  /** Checks the URL as the developer console does, then sends the app's events there. Rejects with CONFIG_INVALID. */
  async use(appId: string, webhook: Webhook, verificationToken: string): Promise<void> {
    const challenge = newId()
    const request = toChallengeRequest(webhook, challenge, verificationToken)
    const answer = await this.#post(webhook.url, request, newId(), CHALLENGE_DEADLINE_MS)
    const echoed = answer.kind === 'answered' ? (answer.data as { challenge?: unknown } | undefined)?.challenge : answer
    if (answer.kind !== 'answered' || answer.status !== 200 || echoed !== challenge) {
      const got = answer.kind === 'answered' ? `status ${answer.status}, ${JSON.stringify(answer.data)}` : answer.kind
      throw new FeishuSupervisorError(
        'CONFIG_INVALID',
        `webhook ${webhook.url} did not return the challenge within ${CHALLENGE_DEADLINE_MS} ms (${got})`,
      )
    }
    this.#webhooks.set(appId, webhook)
  }

  /** The app's events take the long connection again. */
  drop(appId: string): void {
    this.#webhooks.delete(appId)
  }

  /** `deliveryId` goes along as X-Request-Id. [D] */
  push(webhook: Webhook, eventId: string, payload: Uint8Array, deliveryId: string): Promise<PushAnswer> {
    const { deadlineMs, now } = this.#deps
    const request = this.#signed.get(eventId) ?? toPushRequest(webhook, payload, now())
    if (webhook.signsAnew === false) this.#signed.set(eventId, request)
    return this.#post(webhook.url, request, deliveryId, deadlineMs)
  }

  /** Requests on their way end as unreachable. */
  stop(): void {
    this.#stopped.abort()
  }

  async #post(url: string, request: PushRequest, id: string, deadlineMs: number): Promise<PushAnswer> {
    const deadline = AbortSignal.timeout(deadlineMs)
    try {
      const answer = await fetch(url, {
        method: 'POST',
        // A kept connection that the other side closes meanwhile would fail the next push.
        headers: { ...request.headers, 'X-Request-Id': id, connection: 'close' },
        body: request.body,
        redirect: 'manual',
        signal: AbortSignal.any([deadline, this.#stopped.signal]),
      })
      const text = await answer.text()
      return { kind: 'answered', status: answer.status, ...parsed(text) }
    } catch {
      return { kind: deadline.aborted ? 'timeout' : 'unreachable' }
    }
  }
}

function parsed(text: string): { data?: unknown } {
  try {
    return { data: JSON.parse(text) }
  } catch {
    return {}
  }
}
