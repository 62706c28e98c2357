import { FeishuSupervisorError } from '../../core/errors.ts'
import { newId } from '../shared/ids.ts'
import { toChallengeRequest, toPushRequest, type Webhook, type PushRequest } from './webhook.ts'

/** Limit for the answer to a URL check. [D] */
const CHALLENGE_DEADLINE_MS = 1000

/** Outcome of one request. */
export type PushAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly data?: unknown }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'unreachable' }

export interface WebhookPusherDeps {
  /** Time to answer a push, milliseconds. */
  readonly deadlineMs: number
  readonly now: () => number
}

/**
 * Posts events to the webhook URLs of apps. HTTP 200 within the deadline is the acknowledgement. Redirects are not
 * followed. [D]
 */
export class WebhookPusher {
  readonly #deps: WebhookPusherDeps
  readonly #webhooks = new Map<string, Webhook>()
  /** First requests by event, if redeliveries repeat them. */
  readonly #signed = new Map<string, PushRequest>()
  readonly #stopped = new AbortController()

  constructor(deps: WebhookPusherDeps) {
    this.#deps = deps
  }

  webhookOf(appId: string): Webhook | undefined {
    return this.#webhooks.get(appId)
  }

  /** Checks the URL as the developer console does, then sends the app's events there. Rejects with `CONFIG_INVALID`. */
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

  /** Sends the app's events over the long connection again. */
  drop(appId: string): void {
    this.#webhooks.delete(appId)
  }

  /** Posts an event. `deliveryId` is sent as X-Request-Id. [D] */
  push(webhook: Webhook, eventId: string, payload: Uint8Array, deliveryId: string): Promise<PushAnswer> {
    const { deadlineMs, now } = this.#deps
    const request = this.#signed.get(eventId) ?? toPushRequest(webhook, payload, now())
    if (webhook.signsAnew === false) this.#signed.set(eventId, request)
    return this.#post(webhook.url, request, deliveryId, deadlineMs)
  }

  /** Aborts open requests. They end as unreachable. */
  stop(): void {
    this.#stopped.abort()
  }

  async #post(url: string, request: PushRequest, id: string, deadlineMs: number): Promise<PushAnswer> {
    const deadline = AbortSignal.timeout(deadlineMs)
    try {
      const answer = await fetch(url, {
        method: 'POST',
        // The other side may close a kept connection. The next push would then fail.
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
