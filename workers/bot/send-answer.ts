import { asObject } from '../../src/core/as-object.ts'
import { type ErrorCode, FeishuSupervisorError, toErrorRecord } from '../../src/core/errors.ts'
import type { SendFailure, SendOutcome } from '../../src/protocol/data.ts'
import { CHAT_LIMIT, FEISHU_CODES, type FeishuVerdict, judgeAnswer } from './feishu-codes.ts'
import type { HttpAnswer } from './http.ts'

/** An answer to a send, and what it means; `sent` where a message is shown. */
export function verdictOf(answer: HttpAnswer): FeishuVerdict | 'sent' {
  const { code, messageId } = read(answer)
  // Nobody's code: of the statuses only an error says that nothing was done.
  if (code === undefined) return answer.status >= 400 ? judgeAnswer(answer.status, 0) : 'retry'
  if (code !== 0 || answer.status >= 300) return judgeAnswer(answer.status, code)
  // A success without an id was carried out all the same; the same uuid finds it again.
  return messageId === undefined ? 'retry' : 'sent'
}

export function outcomeOf(answer: HttpAnswer): SendOutcome {
  const { code, messageId } = read(answer)
  const verdict = verdictOf(answer)
  if (verdict === 'sent' && messageId !== undefined) return { kind: 'sent', messageId }
  const isDead = verdict === 'dead' || verdict === 'send_alone'
  const error = new FeishuSupervisorError(
    isDead ? 'REPLY_REFUSED' : 'REPLY_FAILED',
    `Feishu refused the reply: ${describeAnswer(answer)}`,
  )
  const limitOf = verdict === 'wait' ? ({ limitOf: code === CHAT_LIMIT ? 'chat' : 'bot' } as const) : {}
  // Its own trouble, or "is being sent", does not say that nothing was shown.
  return { kind: 'failed', failure: { ...failure(answer, error, verdict !== 'retry'), ...limitOf } }
}

/** No token, hence no send. Retryable whatever the code: the reply outlives credentials that are wrong for a while. */
export function tokenFailure(answer: HttpAnswer): SendFailure {
  const { code } = read(answer)
  const isTheirs =
    answer.status >= 500 || answer.status === 429 || (code !== undefined && judgeAnswer(0, code) === 'wait')
  const errorCode: ErrorCode = isTheirs ? 'REPLY_FAILED' : 'CREDENTIALS_REJECTED'
  const error = new FeishuSupervisorError(errorCode, `no access token: ${describeAnswer(answer)}`, { retryable: true })
  return failure(answer, error, true)
}

function failure(answer: HttpAnswer, error: FeishuSupervisorError, isRefused: boolean): SendFailure {
  // Seconds, possibly with a fraction.
  const resetSeconds = Number(answer.headers['x-ogw-ratelimit-reset'])
  const logId = answer.headers['x-tt-logid']
  return {
    error: toErrorRecord(error),
    isRefused,
    ...(resetSeconds > 0 && Number.isFinite(resetSeconds) ? { retryAfterMs: Math.ceil(resetSeconds * 1000) } : {}),
    ...(typeof logId === 'string' ? { logId } : {}),
  }
}

/** What Feishu said, and what it means. */
export function describeAnswer(answer: HttpAnswer): string {
  const { code, text } = read(answer)
  if (code === undefined) return `the answer is not Feishu's (HTTP ${answer.status})`
  const meaning = FEISHU_CODES.get(code)?.meaning
  return `${text} (code ${code}, HTTP ${answer.status}${meaning === undefined ? '' : `: ${meaning}`})`
}

/** `code` is absent where something between us and Feishu answered, or nonsense came. */
function read({ body }: HttpAnswer): {
  readonly code: number | undefined
  readonly text: string
  readonly messageId: string | undefined
} {
  const { code, msg, data } = asObject(body)
  const { message_id: messageId } = asObject(data)
  return {
    code: typeof code === 'number' ? code : undefined,
    text: typeof msg === 'string' ? msg : 'no message',
    messageId: typeof messageId === 'string' ? messageId : undefined,
  }
}
