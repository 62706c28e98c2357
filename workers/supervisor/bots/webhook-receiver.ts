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
  /** Resolves when the event is committed, with what its acknowledgement should carry if anything. */
  accept(botId: string, event: FeishuEvent): Promise<CardResponse | undefined>
  readonly acceptTimeoutMs: number
  readonly maxPayloadBytes: number
  readonly clock: Clock
  readonly log: Logger
}

const WARN_EVERY_MS = 60_000

/**
 * Events that come by HTTP. They take the same way as those of a long connection, with the same keys, so that a
 * bot can be switched from one to the other while events are on their way: for that reason also a bot with a long
 * connection takes them. Without both keys of the app none is taken. 200 says that the event is committed.
 */
export class WebhookReceiver {
  readonly #deps: WebhookReceiverDeps
  readonly #pending: Pending<CardResponse | undefined>
  /** When something was last said about a bot's refused requests: anybody can send them. */
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

  /** Feishu waits for 3 s; what is stored later is a duplicate when it comes again. */
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
