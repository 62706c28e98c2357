import { crashPoint, isPlanted } from '../../../src/core/crash-point.ts'
import type { ReplyToSend, SendOutcome } from '../../../src/protocol/data.ts'
import type { ApiCalls, Call } from '../api/api-calls.ts'
import { type Called, feishuCodeOf, outcomeOf, verdictOf } from '../api/send-answer.ts'
import { Uploader } from './uploader.ts'

/** Codes of a chat or message without replies in threads. [D] */
const NO_THREADS: readonly unknown[] = [230071, 230072]

/** Most remembered uuids, more than can be between two tries at a time. A forgotten one starts with the reply again. */
const MAX_ALONE = 1_000

/**
 * Sends replies through the SDK's Client. A reply is sent at least once, always with the same `uuid`. Feishu shows at
 * most one message per uuid within an hour. Together this gives exactly one message.
 *
 * If the message to answer was withdrawn, the reply is sent to its chat as a message of its own. It is not documented
 * whether one uuid guards both calls together, so the code does not rely on it. At most one of the two is shown, because
 * the second call is made only if
 * - Feishu refused the first call for a permanent reason (see feishu-codes), and
 * - no earlier try of the first call has an unknown outcome, which a withdrawn message would hide forever.
 * From then on only the second call is repeated. Both calls use the same uuid. If it guards both, it protects also where
 * the two conditions were wrong.
 */
export class Sender {
  readonly #calls: ApiCalls
  readonly #uploader: Uploader
  /** Uuids of replies whose message was found withdrawn. */
  readonly #alone = new Set<string>()

  constructor(calls: ApiCalls) {
    this.#calls = calls
    this.#uploader = new Uploader(calls)
  }

  /**
   * Never rejects. Makes at most five calls: token, reply, fresh token, reply, and the message of its own. The calls of
   * an upload come before them.
   */
  async send(reply: ReplyToSend): Promise<SendOutcome> {
    const uploaded = await this.#uploader.contentOf(reply)
    if (uploaded.kind === 'failed') return uploaded
    const { content } = uploaded
    crashPoint('send.before')
    const sent = await this.#show({ ...reply, content })
    crashPoint('send.after')
    return sent
  }

  async #show(reply: ReplyToSend): Promise<SendOutcome> {
    const { messageId, uuid, mayBeShown = false } = reply
    if (messageId === null || this.#alone.has(uuid)) return outcome(await this.#calls.call(onItsOwn(reply)))
    const called = await this.#calls.call(inAnswerTo(messageId, reply))
    if (isThreadRefused(called) && reply.delivery?.inThread === true) {
      return await this.#show({ ...reply, delivery: { ...reply.delivery, inThread: false } })
    }
    const isWithdrawn = called.kind === 'answered' && verdictOf(called.answer) === 'send_alone'
    if (!isWithdrawn || mayBeShown) return outcome(called)
    this.#rememberAlone(uuid)
    return outcome(await this.#calls.callOnce(onItsOwn(reply)))
  }

  #rememberAlone(uuid: string): void {
    this.#alone.add(uuid)
    for (const oldest of this.#alone) {
      if (this.#alone.size <= MAX_ALONE) return
      this.#alone.delete(oldest)
    }
  }
}

function inAnswerTo(messageId: string, { msgType, content, uuid, delivery }: ReplyToSend): Call {
  const thread = delivery?.inThread === true ? { reply_in_thread: true } : {}
  return {
    url: `/open-apis/im/v1/messages/${encodeURIComponent(messageId)}/reply`,
    data: { msg_type: msgType, content, ...thread, ...guarded(uuid) },
  }
}

function onItsOwn({ receiver, msgType, content, uuid }: ReplyToSend): Call {
  return {
    url: '/open-apis/im/v1/messages',
    params: { receive_id_type: receiver.type },
    data: { receive_id: receiver.id, msg_type: msgType, content, uuid },
  }
}

/** Whether the chat has no threads. A chat without threads never gets them, so no earlier try can have opened one. */
function isThreadRefused(called: Called): boolean {
  return called.kind === 'answered' && NO_THREADS.includes(feishuCodeOf(called.answer))
}

/** Feishu's guard against a second message. A drill leaves it out to show its effect. */
function guarded(uuid: string): { readonly uuid?: string } {
  return isPlanted('no-uuid') ? {} : { uuid }
}

function outcome(called: Called): SendOutcome {
  return called.kind === 'answered' ? outcomeOf(called.answer) : called
}
