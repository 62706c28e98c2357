import { asObject } from '../../../src/core/as-object.ts'
import { type ErrorCode, FeishuSupervisorError, toErrorRecord } from '../../../src/core/errors.ts'
import type { CardOutcome, SendFailure, SendOutcome } from '../../../src/protocol/data.ts'
import { CHAT_LIMIT, FEISHU_CODES, type FeishuVerdict, judgeAnswer } from './feishu-codes.ts'
import type { HttpAnswer } from '../http/http.ts'

/** Outcome of a call. */
export type Called =
  | { readonly kind: 'answered'; readonly answer: HttpAnswer }
  | { readonly kind: 'failed'; readonly failure: SendFailure }

type Refusal = Extract<SendOutcome, { kind: 'failed' }>

type Keyed = { readonly kind: 'key'; readonly key: string } | Refusal

/** Meaning of an answer to a send. `sent`: the message is shown. */
export function verdictOf(answer: HttpAnswer): FeishuVerdict | 'sent' {
  const { code, data } = read(answer)
  if (code !== 0 || answer.status >= 300) return judge(answer)
  // A success without an id was processed all the same. A retry with the same uuid finds the message.
  return typeof data['message_id'] === 'string' ? 'sent' : 'retry'
}

export function outcomeOf(answer: HttpAnswer): SendOutcome {
  const verdict = verdictOf(answer)
  if (verdict === 'sent') return { kind: 'sent', messageId: String(read(answer).data['message_id']) }
  return refusalOf(answer, verdict)
}

/** Meaning of an answer that is no success. */
function judge(answer: HttpAnswer): FeishuVerdict {
  const { code } = read(answer)
  // Without a code only an error status proves that the call was not processed.
  if (code === undefined) return answer.status >= 400 ? judgeAnswer(answer.status, 0) : 'retry'
  return judgeAnswer(answer.status, code)
}

function refusalOf(answer: HttpAnswer, verdict: FeishuVerdict): Refusal {
  const { code } = read(answer)
  const isDead = verdict === 'dead' || verdict === 'send_alone'
  const error = new FeishuSupervisorError(
    isDead ? 'REPLY_REFUSED' : 'REPLY_FAILED',
    `Feishu refused the reply: ${describeAnswer(answer)}`,
  )
  const limitOf = verdict === 'wait' ? ({ limitOf: code === CHAT_LIMIT ? 'chat' : 'bot' } as const) : {}
  // A problem of Feishu, or "is being sent", does not prove that the message was not shown.
  return { kind: 'failed', failure: { ...failure(answer, error, verdict !== 'retry'), ...limitOf } }
}

/** The key of an upload, from the field `name` of the answer. A failure counts as refused: an upload alone is never visible. */
export function uploadKeyOf(called: Called, name: string): Keyed {
  if (called.kind === 'failed') return { kind: 'failed', failure: { ...called.failure, isRefused: true } }
  const { answer } = called
  const { code, data } = read(answer)
  const key = data[name]
  if (code === 0 && typeof key === 'string') return { kind: 'key', key }
  const refusal = refusalOf(answer, code === 0 ? 'retry' : judge(answer))
  return { kind: 'failed', failure: { ...refusal.failure, isRefused: true } }
}

/** Outcome of a call that creates or changes a card or message. `id` is the id of a created card. */
export function doneOf(answer: HttpAnswer): CardOutcome {
  const { code, data } = read(answer)
  if (code !== 0 || answer.status >= 300) return refusalOf(answer, judge(answer))
  const { card_id: id } = data
  return { kind: 'done', ...(typeof id === 'string' ? { id } : {}) }
}

export function feishuCodeOf(answer: HttpAnswer): number | undefined {
  return read(answer).code
}

/** Failure of a send that got no token. Retryable for every code: the reply waits while credentials are wrong for a time. */
export function tokenFailure(answer: HttpAnswer): SendFailure {
  const { code } = read(answer)
  const isTheirs =
    answer.status >= 500 || answer.status === 429 || (code !== undefined && judgeAnswer(0, code) === 'wait')
  const errorCode: ErrorCode = isTheirs ? 'REPLY_FAILED' : 'CREDENTIALS_REJECTED'
  const error = new FeishuSupervisorError(errorCode, `no access token: ${describeAnswer(answer)}`, { retryable: true })
  return failure(answer, error, true)
}

function failure(answer: HttpAnswer, error: FeishuSupervisorError, isRefused: boolean): SendFailure {
  // The header is in seconds, possibly with a fraction.
  const resetSeconds = Number(answer.headers['x-ogw-ratelimit-reset'])
  const logId = answer.headers['x-tt-logid']
  return {
    error: toErrorRecord(error),
    isRefused,
    ...(resetSeconds > 0 && Number.isFinite(resetSeconds) ? { retryAfterMs: Math.ceil(resetSeconds * 1000) } : {}),
    ...(typeof logId === 'string' ? { logId } : {}),
  }
}

/** Text of an answer: Feishu's message, code and status, and the meaning of the code. */
export function describeAnswer(answer: HttpAnswer): string {
  const { code, text } = read(answer)
  if (code === undefined) return `the answer is not Feishu's (HTTP ${answer.status})`
  const meaning = FEISHU_CODES.get(code)?.meaning
  return `${text} (code ${code}, HTTP ${answer.status}${meaning === undefined ? '' : `: ${meaning}`})`
}

/** Reads an answer. `code` is absent if a server between us and Feishu answered, or if the body is invalid. */
function read({ body }: HttpAnswer): {
  readonly code: number | undefined
  readonly text: string
  readonly data: Readonly<Record<string, unknown>>
} {
  const { code, msg, data } = asObject(body)
  return {
    code: typeof code === 'number' ? code : undefined,
    text: typeof msg === 'string' ? msg : 'no message',
    data: asObject(data),
  }
}
