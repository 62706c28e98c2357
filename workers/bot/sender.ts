import { withTenantToken } from '@larksuiteoapi/node-sdk'
import { crashPoint, isPlanted } from '../../src/core/crash-point.ts'
import { toErrorRecord } from '../../src/core/errors.ts'
import type { ReplyToSend, SendFailure, SendOutcome } from '../../src/protocol/data.ts'
import type { FeishuApi } from './feishu-api.ts'
import { type HttpAnswer, type HttpRequest, wasNeverSent } from './http.ts'
import { outcomeOf, tokenFailure, verdictOf } from './send-answer.ts'
import { TokenRefused } from './tokens.ts'

/** A POST to Feishu's open API. */
type Call = Required<Pick<HttpRequest, 'url' | 'data'>> & Pick<HttpRequest, 'params'>

type Posted =
  | { readonly kind: 'answered'; readonly answer: HttpAnswer }
  | { readonly kind: 'failed'; readonly failure: SendFailure }

/** More than can be between two tries at a time; forgetting one makes its next try start with the reply again. */
const MAX_ALONE = 1_000

/**
 * Sends replies through the SDK's Client. A reply is sent at least once with the same `uuid` every
 * time; Feishu shows at most one message per uuid within an hour, which makes it exactly one.
 *
 * When the message to answer was withdrawn, the reply goes to its chat on its own. It is not documented
 * whether one uuid guards both calls together, so nothing here relies on it. At most one of the two is
 * shown because the second is made only after
 * - Feishu said that it did not carry out the first, for a reason that stays (see feishu-codes), and
 * - no earlier try of the first has an unknown outcome, which a withdrawn message would hide for ever.
 * From then on only the second call is repeated. Both use the same uuid: if it does guard both, it
 * protects also where the two conditions were wrong.
 */
export class Sender {
  readonly #api: FeishuApi
  /** Uuids of replies whose message was found withdrawn. */
  readonly #alone = new Set<string>()

  constructor(api: FeishuApi) {
    this.#api = api
  }

  /** Never rejects. Makes at most five calls: token, reply, fresh token, reply, and the message on its own. */
  async send(reply: ReplyToSend): Promise<SendOutcome> {
    const { messageId, uuid, mayBeShown = false } = reply
    if (messageId === null || this.#alone.has(uuid)) return outcome(await this.#post(onItsOwn(reply)))
    const posted = await this.#post(inAnswerTo(messageId, reply))
    const isWithdrawn = posted.kind === 'answered' && verdictOf(posted.answer) === 'send_alone'
    if (!isWithdrawn || mayBeShown) return outcome(posted)
    this.#rememberAlone(uuid)
    return outcome(await this.#postOnce(onItsOwn(reply)))
  }

  /** Refreshes the token once if Feishu does not take it. */
  async #post(call: Call): Promise<Posted> {
    const posted = await this.#postOnce(call)
    const isTokenStale = posted.kind === 'answered' && verdictOf(posted.answer) === 'refresh_token'
    return isTokenStale ? await this.#postOnce(call) : posted
  }

  async #postOnce(call: Call): Promise<Posted> {
    let token: string
    try {
      token = await this.#api.tokens.current()
    } catch (thrown) {
      const isAnswered = thrown instanceof TokenRefused
      // Whatever happened to the token call, the reply did not leave.
      return failed(isAnswered ? tokenFailure(thrown.answer) : { error: toErrorRecord(thrown), isRefused: true })
    }
    try {
      crashPoint('send.before')
      const answer = await this.#api.client.request<HttpAnswer>({ method: 'POST', ...call }, withTenantToken(token))
      crashPoint('send.after')
      if (verdictOf(answer) === 'refresh_token') this.#api.tokens.drop(token)
      return { kind: 'answered', answer }
    } catch (thrown) {
      return failed({ error: toErrorRecord(thrown, 'REPLY_FAILED'), isRefused: wasNeverSent(thrown) })
    }
  }

  #rememberAlone(uuid: string): void {
    this.#alone.add(uuid)
    for (const oldest of this.#alone) {
      if (this.#alone.size <= MAX_ALONE) return
      this.#alone.delete(oldest)
    }
  }
}

function inAnswerTo(messageId: string, { msgType, content, uuid }: ReplyToSend): Call {
  return {
    url: `/open-apis/im/v1/messages/${encodeURIComponent(messageId)}/reply`,
    data: { msg_type: msgType, content, ...guarded(uuid) },
  }
}

function onItsOwn({ receiver, msgType, content, uuid }: ReplyToSend): Call {
  return {
    url: '/open-apis/im/v1/messages',
    params: { receive_id_type: receiver.type },
    data: { receive_id: receiver.id, msg_type: msgType, content, uuid },
  }
}

/** Feishu's guard against a second message; left out where a drill wants to see what it is good for. */
function guarded(uuid: string): { readonly uuid?: string } {
  return isPlanted('no-uuid') ? {} : { uuid }
}

function outcome(posted: Posted): SendOutcome {
  return posted.kind === 'answered' ? outcomeOf(posted.answer) : posted
}

function failed(failure: SendFailure): Posted {
  return { kind: 'failed', failure }
}
