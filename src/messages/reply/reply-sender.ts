import { crashPoint } from '../../core/crash-point.ts'
import { type ErrorRecord, toErrorRecord } from '../../core/errors.ts'
import { KeyedQueue } from '../../core/time/keyed-queue.ts'
import type { CardCall, ReplyToSend, SendOutcome } from '../../protocol/data.ts'
import type { ClaimedEvent, ReplyStore, StoredReply, StreamProgress } from '../../store/store.ts'
import type { SendReply } from './deliver-replies.ts'
import { cardContent } from '../../protocol/model/markdown-card.ts'
import type { CallCard } from './live-stream.ts'
import { outcomeUnknown, UUID_TRUSTED_MS } from './send-retry.ts'

export interface ReplySenderDeps {
  readonly sendReply: SendReply
  readonly callCard: CallCard
  readonly replies: Pick<ReplyStore, 'upload' | 'stream' | 'closeStreams'>
}

/** Hands stored replies to the bot's worker with their uploads, and brings streamed answers to their end. */
export class ReplySender {
  readonly #deps: ReplySenderDeps
  readonly #perBot = new KeyedQueue()

  constructor(deps: ReplySenderDeps) {
    this.#deps = deps
  }

  /** Sends one reply. A rejection means that the outcome is unknown. */
  async send(botId: string, reply: StoredReply): Promise<SendOutcome> {
    const { upload, stream } = reply.delivery ?? {}
    if (upload !== undefined) return await this.#sendUpload(botId, reply, upload)
    if (stream !== undefined) return await this.#finishStream(botId, reply, stream)
    return await this.#deps.sendReply(botId, toSend(reply))
  }

  /**
   * Ends the streaming state of the cards of an event, except for the streams in `except`. Rejects when the store
   * cannot be reached.
   */
  async closeStreams(
    { id, fence, botId }: Pick<ClaimedEvent, 'id' | 'fence' | 'botId'>,
    except: readonly number[],
  ): Promise<void> {
    const { replies, callCard } = this.#deps
    for (const card of await replies.closeStreams(id, fence, except)) await callCard(botId, { kind: 'close', ...card })
  }

  async #sendUpload(
    botId: string,
    reply: StoredReply,
    upload: NonNullable<NonNullable<StoredReply['delivery']>['upload']>,
  ): Promise<SendOutcome> {
    const { sendReply, replies } = this.#deps
    // Uploads go one at a time: a worker's memory is small, and the bytes of many chats could fill it.
    return await this.#perBot.run(botId, async () => {
      let bytes: Uint8Array | null
      try {
        bytes = reply.bytes ?? (await replies.upload(reply.eventId, upload))
      } catch (thrown) {
        return notSent(toErrorRecord(thrown))
      }
      return bytes === null ? notSent(gone(upload.name)) : await sendReply(botId, { ...toSend(reply), bytes })
    })
  }

  /**
   * Changes the streamed message to the content of the reply. Without a streamed message the reply is sent as a new
   * message.
   */
  async #finishStream(botId: string, reply: StoredReply, stream: number): Promise<SendOutcome> {
    const { replies, sendReply, callCard } = this.#deps
    const { eventId, fence } = reply
    let progress: StreamProgress | null
    try {
      progress = await replies.stream(eventId, fence, stream, { changes: 1 })
    } catch (thrown) {
      return notSent(toErrorRecord(thrown))
    }
    if (progress === null) return notSent(claimLost())
    const { fallback, sendingMs, sequence } = progress
    let { messageId } = progress
    const asMessage = (): Promise<SendOutcome> => sendReply(botId, toSend(reply))
    if (sendingMs === undefined || (fallback > 1 && messageId === undefined)) return await asMessage()
    const cardId = fallback === 0 ? progress.cardId : undefined
    if (messageId === undefined) {
      if (sendingMs > UUID_TRUSTED_MS) return maybeSent()
      const content = cardId === undefined ? reply.content : cardContent(cardId)
      const sent = await sendReply(botId, { ...toSend(reply), content, mayBeShown: true })
      // Feishu refuses the card. The uuid prevents a second message if the first one was shown after all.
      if (sent.kind === 'failed' && cardId !== undefined && !sent.failure.error.retryable) return await asMessage()
      if (sent.kind === 'failed') return sent
      messageId = sent.messageId
      if ((await replies.stream(eventId, fence, stream, { messageId })) === null) return notSent(claimLost())
    }
    const call: CardCall =
      cardId === undefined
        ? { kind: 'edit', messageId, content: reply.content }
        : { kind: 'replace', cardId, card: reply.content, sequence }
    const outcome = await callCard(botId, call)
    crashPoint('stream.finished')
    return outcome.kind === 'done' ? { kind: 'sent', messageId } : outcome
  }
}

function toSend({ messageId, receiver, uuid, msgType, content, delivery, unknownAttempts }: StoredReply): ReplyToSend {
  const shown = { messageId, receiver, uuid, msgType, content, ...(delivery === undefined ? {} : { delivery }) }
  return { ...shown, mayBeShown: unknownAttempts > 0 }
}

function gone(name: string): ErrorRecord {
  return { code: 'INTERNAL', message: `the bytes of ${name} are not in the database any more`, retryable: false }
}

/** Error of a lost claim. It is never stored: a write with the fence of this claim changes nothing. */
function claimLost(): ErrorRecord {
  return { code: 'REPLY_FAILED', message: 'another claim goes on with the chat', retryable: true }
}

function notSent(error: ErrorRecord): SendOutcome {
  return { kind: 'failed', failure: { error, isRefused: true } }
}

function maybeSent(): SendOutcome {
  const error = outcomeUnknown('the card that streams it was sent more than an hour ago')
  return { kind: 'failed', failure: { error, isRefused: false } }
}
