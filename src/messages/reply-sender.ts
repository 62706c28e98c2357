import { type ErrorRecord, toErrorRecord } from '../core/errors.ts'
import { Turns } from '../core/turns.ts'
import type { ReplyToSend, SendOutcome } from '../protocol/data.ts'
import type { ReplyStore, StoredReply } from '../store/store.ts'
import type { SendReply } from './deliver-replies.ts'

export interface ReplySenderDeps {
  readonly sendReply: SendReply
  readonly replies: Pick<ReplyStore, 'upload'>
}

/** Hands stored replies to the bot's worker with all it needs to show them. */
export class ReplySender {
  readonly #deps: ReplySenderDeps
  readonly #turns = new Turns()

  constructor(deps: ReplySenderDeps) {
    this.#deps = deps
  }

  /** Rejecting means that the end is unknown. */
  async send(botId: string, reply: StoredReply): Promise<SendOutcome> {
    const { sendReply, replies } = this.#deps
    const upload = reply.delivery?.upload
    if (upload === undefined) return await sendReply(botId, toSend(reply))
    // One at a time: a worker's memory is small, and bytes of many chats could fill it.
    return await this.#turns.take(botId, async () => {
      let bytes: Uint8Array | null
      try {
        bytes = reply.bytes ?? (await replies.upload(reply.eventId, upload))
      } catch (thrown) {
        return notSent(toErrorRecord(thrown))
      }
      return bytes === null ? notSent(gone(upload.name)) : await sendReply(botId, { ...toSend(reply), bytes })
    })
  }
}

function toSend({ messageId, receiver, uuid, msgType, content, delivery, unknownAttempts }: StoredReply): ReplyToSend {
  const shown = { messageId, receiver, uuid, msgType, content, ...(delivery === undefined ? {} : { delivery }) }
  return { ...shown, mayBeShown: unknownAttempts > 0 }
}

function gone(name: string): ErrorRecord {
  return { code: 'INTERNAL', message: `the bytes of ${name} are not in the database any more`, retryable: false }
}

function notSent(error: ErrorRecord): SendOutcome {
  return { kind: 'failed', failure: { error, isRefused: true } }
}
