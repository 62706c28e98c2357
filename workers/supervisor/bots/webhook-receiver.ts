import type { Clock } from '../../../src/core/time/clock.ts'
import { errorText } from '../../../src/core/errors.ts'
import type { Logger } from '../../../src/core/log/logger.ts'
import { Pending } from '../../../src/core/time/pending.ts'
import { toFeishuEvent } from '../../../src/protocol/model/feishu-event.ts'
import type { WebhookAnswer, WebhookRequest } from '../../../src/protocol/host.ts'
import type { CardResponse } from '../../../src/protocol/model/inbound-event.ts'
import type { FeishuEvent } from '../../../src/protocol/model/message.ts'
import type { Bot } from '../../../src/store/store.ts'
import { toLegacyAnswer } from '../../../src/webhook/legacy-card.ts'
import { readWebhook } from '../../../src/webhook/read-webhook.ts'

export interface WebhookReceiverDeps {
  botOfApp(appId: string): Bot | undefined
  /** Resolves when the event is committed, with the response that its acknowledgement carries, if any. */
  accept(botId: string, event: FeishuEvent): Promise<CardResponse | undefined>
  readonly acceptTimeoutMs: number
  readonly maxPayloadBytes: number
  readonly clock: Clock
  readonly log: Logger
}

const WARN_EVERY_MS = 60_000

/**
 * Receives events by HTTP. They are stored like events of a long connection, with the same keys for duplicates, so
 * that a bot can change its mode while events are in flight. For the same reason a bot with a long connection takes
 * webhooks too. Requests are refused when the bot lacks one of the two keys. Status 200 means that the event is committed.
 */
export class WebhookReceiver {
  readonly #deps: WebhookReceiverDeps
  readonly #pending: Pending<CardResponse | undefined>
  /** Instant of the last warning about refused requests, by bot id. Warnings are limited because strangers can send such requests. */
  readonly #warnedAt = new Map<string, number>()

  constructor(deps: WebhookReceiverDeps) {
    this.#deps = deps
    this.#pending = new Pending(deps.clock)
  }

  async take(appId: string, request: WebhookRequest): Promise<WebhookAnswer> {
    const { botOfApp, clock, log, maxPayloadBytes } = this.#deps
    const bot = botOfApp(appId)
    if (bot?.enabled !== true || bot.encryptKey === null || bot.verificationToken === null) return { status: 401 }
    const keys = {
      appId,
      encryptKey: bot.encryptKey.reveal(),
      verificationToken: bot.verificationToken.reveal(),
    }
    const receivedAt = clock.now()
    const reading = readWebhook(request, keys, receivedAt)
    if (reading.kind === 'challenge') return { status: 200, body: { challenge: reading.challenge } }
    if (reading.kind === 'refused') {
      this.#warn(bot.id, receivedAt, `a webhook request for bot ${bot.id} was refused: ${reading.reason}`)
      return { status: 401 }
    }
    const event = toFeishuEvent(reading.envelope, receivedAt, maxPayloadBytes)
    try {
      const response = await this.#accept(bot.id, event)
      return { status: 200, body: reading.kind === 'legacy_card' ? toLegacyAnswer(response) : (response ?? {}) }
    } catch (thrown) {
      log.error(`an event of bot ${bot.id} was not stored: ${errorText(thrown)}`)
      return { status: 503 }
    }
  }

  #warn(botId: string, now: number, text: string): void {
    if (now - (this.#warnedAt.get(botId) ?? 0) < WARN_EVERY_MS) return
    this.#warnedAt.set(botId, now)
    this.#deps.log.warn(text)
  }

  /** Feishu waits 3 s. An event that is stored later is a duplicate when Feishu pushes it again. */
  async #accept(botId: string, event: FeishuEvent): Promise<CardResponse | undefined> {
    const { accept, acceptTimeoutMs } = this.#deps
    const { id, answer } = this.#pending.open(acceptTimeoutMs, `storage of event ${event.dedupeKey}`)
    accept(botId, event).then(
      (response) => this.#pending.resolve(id, response),
      (thrown: unknown) => this.#pending.reject(id, thrown),
    )
    return await answer
  }
}
