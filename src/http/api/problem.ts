import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { type ErrorCode, FeishuSupervisorError } from '../../core/errors.ts'

/** Every failure of the API has this body. */
export interface Problem {
  readonly success: false
  /** What is wrong and what to do. */
  readonly error: string
}

export type ProblemStatus = 400 | 401 | 403 | 404 | 408 | 409 | 413 | 415 | 421 | 429 | 500 | 503 | 504

/** What is not here is our own mistake or not of this API: 500, and its text stays inside. */
const STATUS: Partial<Record<ErrorCode, ProblemStatus>> = {
  CONFIG_INVALID: 400,
  BOT_NOT_FOUND: 404,
  BOT_EXISTS: 409,
  BOTS_OWNED_BY_HOST: 409,
  CONNECTION_LIMIT: 409,
  TOKEN_NOT_FOUND: 404,
  DEAD_LETTER_NOT_FOUND: 404,
  STORE_UNAVAILABLE: 503,
  BOT_SOURCE_FAILED: 503,
  SUPERVISOR_DOWN: 503,
  INTAKE_FULL: 503,
  DEADLINE_EXCEEDED: 504,
}

/** Ends a request with a status and a text that may be shown. */
export class RequestRefused extends Error {
  readonly status: ProblemStatus
  readonly headers: Readonly<Record<string, string>>

  constructor(status: ProblemStatus, text: string, headers: Readonly<Record<string, string>> = {}) {
    super(text)
    this.status = status
    this.headers = headers
  }
}

/** Whatever was thrown as an answer; `report` gets what must not be shown. */
export function answerProblem(c: Context, thrown: Error, report: (thrown: Error) => void): Response {
  const { status, text, headers } = read(thrown)
  if (status === 500) report(thrown)
  return c.json({ success: false, error: text } satisfies Problem, status, headers)
}

function read(thrown: Error): { status: ProblemStatus; text: string; headers: Record<string, string> } {
  if (thrown instanceof RequestRefused)
    return { status: thrown.status, text: thrown.message, headers: { ...thrown.headers } }
  // Hono's own: a body that is not JSON, or does not say so.
  if (thrown instanceof HTTPException && (thrown.status === 400 || thrown.status === 415))
    return { status: thrown.status, text: 'body: expected JSON with the content type application/json', headers: {} }
  const status = thrown instanceof FeishuSupervisorError ? STATUS[thrown.code] : undefined
  return status === undefined
    ? { status: 500, text: 'Internal error', headers: {} }
    : { status, text: thrown.message, headers: status === 503 ? { 'retry-after': '1' } : {} }
}
