import { createHmac, randomBytes } from 'node:crypto'
import { type BackoffPolicy, backoffDelayMs } from '../core/time/backoff.ts'
import type { Clock } from '../core/time/clock.ts'
import { errorText } from '../core/errors.ts'
import type { Logger } from '../core/log/logger.ts'
import { redact } from '../core/log/redact.ts'
import type { Alert } from '../protocol/model/events.ts'
import type { AlertOptions } from '../protocol/options/alert-options.ts'

export interface NotifierDeps extends AlertOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
}

/** Most alerts that wait while the receiver is away. Above it the oldest alert is dropped. */
const MAX_WAITING = 100

const CALL_TIMEOUT_MS = 10_000

/** Attempts per alert, about ten minutes in all. Then the next alert is sent. */
const MAX_ATTEMPTS = 15
const BACKOFF: BackoffPolicy = { firstMs: 1_000, maxMs: 60_000, factor: 2, jitter: 0.2 }

interface Notice {
  readonly id: string
  readonly body: string
}

/**
 * Posts alerts to a webhook in the format of Standard Webhooks (standardwebhooks.com). The signature is over id, time
 * and body. Every attempt has the same id, so that the receiver can recognise a repetition. Alerts are sent one at a
 * time and in order, in the background.
 */
export class Notifier {
  readonly #deps: NotifierDeps
  readonly #key: Buffer
  readonly #waiting: Notice[] = []
  #isPosting = false
  #abort = new AbortController()

  constructor(deps: NotifierDeps) {
    this.#deps = deps
    this.#key = Buffer.from(deps.secret.replace(/^whsec_/, ''), 'base64')
  }

  readonly notify = (alert: Alert): void => {
    const { state, at, ...data } = alert
    const body = JSON.stringify({
      type: `alert.${state}`,
      timestamp: new Date(at).toISOString(),
      data: redact(readable(data)),
    })
    this.#waiting.push({ id: `msg_${randomBytes(12).toString('hex')}`, body })
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift()
      this.#deps.logger.warn(`an alert was not sent: ${MAX_WAITING} others wait for the webhook`)
    }
    if (!this.#isPosting) void this.#postAll()
  }

  /** Drops the waiting alerts and aborts the current post. */
  close(): void {
    this.#waiting.length = 0
    this.#abort.abort()
    this.#abort = new AbortController()
  }

  async #postAll(): Promise<void> {
    this.#isPosting = true
    for (let notice = this.#waiting.shift(); notice !== undefined; notice = this.#waiting.shift()) {
      await this.#post(notice, this.#abort.signal)
    }
    this.#isPosting = false
  }

  async #post(notice: Notice, closed: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.#deps
    for (let attempt = 1; !closed.aborted; attempt += 1) {
      const failure = await this.#try(notice, closed)
      if (failure === undefined) return
      if (attempt === MAX_ATTEMPTS) return logger.error(`an alert was not sent after ${attempt} attempts: ${failure}`)
      if (attempt === 1) logger.warn(`an alert was not sent, retrying: ${failure}`)
      await pause(clock, backoffDelayMs(attempt, BACKOFF, random()), closed)
    }
  }

  /** Posts once. Returns the reason of a failure; undefined after success. */
  async #try({ id, body }: Notice, closed: AbortSignal): Promise<string | undefined> {
    const timestamp = String(Math.floor(this.#deps.clock.now() / 1000))
    const signature = createHmac('sha256', this.#key).update(`${id}.${timestamp}.${body}`).digest('base64')
    try {
      const answer = await fetch(this.#deps.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': `v1,${signature}`,
        },
        body,
        redirect: 'error',
        signal: AbortSignal.any([closed, AbortSignal.timeout(CALL_TIMEOUT_MS)]),
      })
      await answer.body?.cancel()
      return answer.ok ? undefined : `HTTP status ${answer.status}`
    } catch (thrown) {
      // The message `fetch failed` alone is useless, so take its cause.
      return errorText(thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown)
    }
  }
}

/** Writes `nextAt` as ISO 8601, as in the HTTP API. */
function readable({ nextAt, ...data }: Omit<Alert, 'state' | 'at'>): object {
  return { ...data, ...(nextAt === undefined ? {} : { nextAt: new Date(nextAt).toISOString() }) }
}

function pause(clock: Clock, delayMs: number, closed: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel()
      closed.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.after(delayMs, done)
    closed.addEventListener('abort', done)
  })
}
