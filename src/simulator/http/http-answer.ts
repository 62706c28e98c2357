import type { HttpBindings } from '@hono/node-server'
import type { Context, MiddlewareHandler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Clock } from '../../core/time/clock.ts'
import type { FaultVerdict } from '../faults/fault-plan.ts'
import { newId } from '../shared/ids.ts'

export type PlatformEnv = { Bindings: HttpBindings; Variables: { logId: string } }

export type PlatformContext = Context<PlatformEnv>

export interface Answer {
  readonly http: number
  readonly body: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

/** Adds X-Tt-Logid, which every answer carries. [D] */
export const withLogId: MiddlewareHandler<PlatformEnv> = async (c, next) => {
  const logId = newId(new Date().toISOString().replace(/\D/g, '').slice(0, 14))
  c.set('logId', logId)
  c.header('X-Tt-Logid', logId)
  await next()
}

/** Sends an answer, or loses it by destroying the socket. */
export function send(c: PlatformContext, answer: Answer, verdict: FaultVerdict): Response | Promise<Response> {
  if (verdict.kind === 'lose_answer') {
    c.env.incoming.socket.destroy()
    return neverAnswered()
  }
  return c.json(answer.body, answer.http as ContentfulStatusCode, { ...answer.headers })
}

/** Waits if a fault slows the call down. */
export async function delayed(clock: Clock, verdict: FaultVerdict): Promise<void> {
  if (verdict.kind !== 'proceed' || verdict.delayMs === undefined) return
  const { delayMs } = verdict
  await new Promise<void>((resolve) => clock.after(delayMs, resolve))
}

/** Leaves a request without an answer. The socket stays open until the client or the simulator ends it. */
export function neverAnswered(): Promise<Response> {
  return new Promise(() => {})
}

/** Builds an error of the open API. [D] */
export function apiError(c: PlatformContext, http: number, code: number, msg: string): Answer {
  return { http, body: { code, msg, error: { log_id: c.get('logId') } } }
}

/** Reads the JSON object of a request, for every content type. `{}` if there is none. */
export async function readBody(c: Context): Promise<Record<string, unknown>> {
  try {
    const body: unknown = JSON.parse(await c.req.text())
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
