import type { Clock } from '../../../src/core/time/clock.ts'
import type { ResolvedConnectionOptions } from '../../../src/protocol/options/connection-options.ts'
import type { CardCall, CardOutcome, ReplyToSend, SendOutcome } from '../../../src/protocol/data.ts'
import type { FeishuEvent } from '../../../src/protocol/model/message.ts'
import type { BotThread } from '../../../src/supervisor/spawn.ts'
import { BotLink } from './bot-link.ts'

export interface BotLinksDeps {
  readonly connection: ResolvedConnectionOptions
  readonly clock: Clock
  /** Resolves when the event is committed, with the response that its acknowledgement carries, if any. */
  accept(botId: string, event: FeishuEvent): Promise<unknown>
  /** Reports that the worker of this incarnation breaks the protocol and has to be ended. */
  misbehaved(botId: string, incarnation: number, cause: string): void
  /** Reports the time from accepting an event to its acknowledgement, milliseconds. */
  acked(ms: number): void
}

/** Data channels of all live bot workers, one `BotLink` each. */
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
      // One send makes at most 5 calls; `Sender` has them.
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

  /** Removes the link of a worker that is gone. */
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

/** Outcome for a bot without a worker. `isRefused`, because Feishu was never asked. */
function unreachable(botId: string): Extract<SendOutcome, { kind: 'failed' }> {
  const message = `bot ${botId} has no worker now`
  return {
    kind: 'failed',
    failure: { error: { code: 'WORKER_UNREACHABLE', message, retryable: true }, isRefused: true },
  }
}
