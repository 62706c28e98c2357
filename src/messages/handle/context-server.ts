import { assertNever } from '../../core/assert-never.ts'
import { toErrorRecord } from '../../core/errors.ts'
import type { Logger } from '../../core/log/logger.ts'
import type { StreamFrame } from '../../protocol/chat.ts'
import type { InboundMessage } from '../../protocol/model/inbound-message.ts'
import type { HistoryQuery, PastEvent, PastReply } from '../../protocol/model/message-log.ts'
import type { PastMessage, RunAnswer, RunCall } from '../../protocol/run-channel.ts'
import type { ReplyTarget } from '../reply/reply-target.ts'
import { toInboundEvent } from '../inbound/to-inbound-event.ts'
import { MESSAGE_EVENT_TYPE } from '../inbound/to-inbound-message.ts'

/** Parts of the supervisor thread that handlers can use while they run. */
export interface ContextServerDeps {
  /** Reads events and replies of one chat of a bot before an event, newest first. */
  readonly history: (query: HistoryQuery) => Promise<readonly (PastEvent | PastReply)[]>
  /** Logger for the log lines of handlers. */
  readonly log: Logger
}

/** The bot, the event and the reply target of a run. */
export interface RunOf {
  readonly botId: string
  readonly eventId: number
  readonly target: ReplyTarget | undefined
  /** Settles when the frame has been used. */
  readonly onFrame: (frame: StreamFrame) => void | Promise<void>
}

/** Serves the calls that runs make through their context. */
export class ContextServer {
  readonly #deps: ContextServerDeps

  constructor(deps: ContextServerDeps) {
    this.#deps = deps
  }

  /** Reads the last messages to the bot in a chat before an event, at most `count`, oldest first. */
  async messagesBefore(botId: string, chatId: string, beforeId: number, count: number): Promise<InboundMessage[]> {
    // Each message may have a reply, and `history` counts replies too.
    const rows = await this.#deps.history({ botId, chatId, beforeId, limit: 2 * count + 1 })
    const messages = rows.filter(({ kind }) => kind === 'event').toReversed()
    return messages.flatMap((row) => toPastMessage(botId, chatId, row).map(({ message }) => message)).slice(-count)
  }

  take(call: RunCall, run: RunOf, answer: (answer: RunAnswer) => void): void | Promise<void> {
    switch (call.kind) {
      case 'log': {
        const { botId, eventId } = run
        this.#deps.log[call.level](call.message, { ...call.fields, botId, eventId })
        return undefined
      }
      case 'stream':
        return run.onFrame(call.frame)
      case 'history':
        void this.#answer(call.id, call.limit, run, answer)
        return undefined
      default:
        return assertNever(call)
    }
  }

  async #answer(id: number, limit: number, run: RunOf, answer: (answer: RunAnswer) => void): Promise<void> {
    const result = await this.#history(limit, run).then(
      (value) => ({ ok: true, value }) as const,
      (thrown: unknown) => ({ ok: false, error: toErrorRecord(thrown) }) as const,
    )
    answer({ id, result })
  }

  async #history(limit: number, { botId, eventId, target }: RunOf): Promise<PastMessage[]> {
    // A run that answers a user by open id has no known chat, so it has no history.
    if (target?.receiver.type !== 'chat_id') return []
    const chatId = target.receiver.id
    const rows = await this.#deps.history({ botId, chatId, beforeId: eventId, limit })
    return rows.toReversed().flatMap((row) => toPastMessage(botId, chatId, row))
  }
}

function toPastMessage(botId: string, chatId: string, row: PastEvent | PastReply): PastMessage[] {
  if (row.kind === 'reply') {
    const { messageId, msgType, content, sentAt } = row
    // The reply gets the shape of a Feishu message, so that it is rendered like one.
    const raw = {
      schema: '2.0',
      header: { event_id: '', create_time: String(sentAt) },
      event: { message: { message_id: messageId, chat_id: chatId, message_type: msgType, content } },
    }
    return parsed(botId, JSON.stringify(raw), sentAt, true)
  }
  return parsed(botId, row.payload, row.createdAt, false)
}

function parsed(botId: string, payload: string, at: number, isOwn: boolean): PastMessage[] {
  const read = toInboundEvent(botId, MESSAGE_EVENT_TYPE, payload, at)
  return read.kind === 'event' && read.event.kind === 'message' ? [{ isOwn, message: read.event }] : []
}
