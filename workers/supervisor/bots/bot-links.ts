import type { Clock } from '../../../src/core/time/clock.ts'
import type { ResolvedConnectionOptions } from '../../../src/protocol/options/connection-options.ts'
import type { CardCall, CardOutcome, ReplyToSend, SendOutcome } from '../../../src/protocol/data.ts'
import type { FeishuEvent } from '../../../src/protocol/model/message.ts'
import type { BotThread } from '../../../src/supervisor/spawn.ts'
import { BotLink } from './bot-link.ts'

export interface BotLinksDeps {
  readonly connection: ResolvedConnectionOptions
  readonly clock: Clock
  /** Resolves when the event is committed, with what its acknowledgement should carry if anything. */
  accept(botId: string, event: FeishuEvent): Promise<unknown>
  /** The worker of this incarnation has to be ended. */
  misbehaved(botId: string, incarnation: number, cause: string): void
  /** An acknowledgement left so long after its event was accepted. */
  acked(ms: number): void
}

/** The data wires of all bot workers, one for each worker that lives. */
export class BotLinks {
  readonly #deps: BotLinksDeps
  readonly #links = new Map<string, BotLink>()

  constructor(deps: BotLinksDeps) {
    this.#deps = deps
  }

  spawned(botId: string, thread: BotThread, incarnation: number): void {
    const { connection, clock, accept, misbehaved, acked } = this.#deps
    const link = new BotLink({
      botId,
      incarnation,
      port: thread.dataPort,
      // As many calls as one send makes at most; see Sender.
      sendDeadlineMs: 5 * connection.sendTimeoutMs + 1_000,
      clock,
      accept: (event) => accept(botId, event),
      acked,
      creditWindow: connection.creditWindow,
      maxPayloadBytes: connection.maxPayloadBytes,
      misbehaved: (cause) => misbehaved(botId, incarnation, cause),
    })
    this.#links.set(botId, link)
  }

  /** The worker of this incarnation is gone. */
  gone(botId: string, incarnation: number): void {
    const link = this.#links.get(botId)
    if (link?.incarnation !== incarnation) return
    this.#links.delete(botId)
    link.lost()
  }

  /** Never rejects. */
  async send(botId: string, reply: ReplyToSend): Promise<SendOutcome> {
    return (await this.#links.get(botId)?.send(reply)) ?? unreachable(botId)
  }

  /** Never rejects. */
  async call(botId: string, call: CardCall): Promise<CardOutcome> {
    return (await this.#links.get(botId)?.call(call)) ?? unreachable(botId)
  }
}

/** Nothing was shown: nobody was there to be asked. */
function unreachable(botId: string): Extract<SendOutcome, { kind: 'failed' }> {
  const message = `bot ${botId} has no worker now`
  return {
    kind: 'failed',
    failure: { error: { code: 'WORKER_UNREACHABLE', message, retryable: true }, isRefused: true },
  }
}
