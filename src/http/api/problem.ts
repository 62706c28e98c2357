import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { type ErrorCode, FeishuSupervisorError } from '../../core/errors.ts'

/** Body of every failed request. */
export interface Problem {
  readonly success: false
  /** Problem and next step. */
  readonly error: string
}

export type ProblemStatus = 400 | 401 | 403 | 404 | 408 | 409 | 413 | 415 | 421 | 429 | 500 | 503 | 504

/** HTTP status of each error code. Other codes mean a bug or do not belong to this API: they become 500 without their text. */
const STATUS: Partial<Record<ErrorCode, ProblemStatus>> = {
  CONFIG_INVALID: 400,
  BOT_NOT_FOUND: 404,
  BOT_EXISTS: 409,
  BOTS_OWNED_BY_HOST: 409,
  CONNECTION_LIMIT: 409,
  WORKER_STUCK: 409,
  TOKEN_NOT_FOUND: 404,
  DEAD_LETTER_NOT_FOUND: 404,
  STORE_UNAVAILABLE: 503,
  BOT_SOURCE_FAILED: 503,
  SUPERVISOR_DOWN: 503,
  INTAKE_FULL: 503,
  DEADLINE_EXCEEDED: 504,
}

/** Ends a request with a status and a text for the caller. */
export class RequestRefused extends Error {
  readonly status: ProblemStatus
  readonly headers: Readonly<Record<string, string>>

  constructor(status: ProblemStatus, text: string, headers: Readonly<Record<string, string>> = {}) {
    super(text)
    this.status = status
    this.headers = headers
  }
}

/** Turns a thrown error into an answer. `report` gets errors whose text must not be shown. */
export function answerProblem(c: Context, thrown: Error, report: (thrown: Error) => void): Response {
  const { status, text, headers } = read(thrown)
  if (status === 500) report(thrown)
  return c.json({ success: false, error: text } satisfies Problem, status, headers)
}

function read(thrown: Error): { status: ProblemStatus; text: string; headers: Record<string, string> } {
  if (thrown instanceof RequestRefused)
    return { status: thrown.status, text: thrown.message, headers: { ...thrown.headers } }
  // Hono throws these for a body that is not JSON or has another content type.
  if (thrown instanceof HTTPException && (thrown.status === 400 || thrown.status === 415))
    return { status: thrown.status, text: 'body: expected JSON with the content type application/json', headers: {} }
  const status = thrown instanceof FeishuSupervisorError ? STATUS[thrown.code] : undefined
  return status === undefined
    ? { status: 500, text: 'Internal error', headers: {} }
    : { status, text: thrown.message, headers: status === 503 ? { 'retry-after': '1' } : {} }
}
