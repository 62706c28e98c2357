import { rootCertificates } from 'node:tls'
import { Agent, type Dispatcher, fetch, ProxyAgent, type Response } from 'undici'
import { errorText } from '../core/errors.ts'
import { isDirect } from '../core/no-proxy.ts'
import type { NetworkOptions } from '../protocol/model/built-in.ts'
import { HandlerError } from './handler-error.ts'

export interface PostRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export type Post = (request: PostRequest) => Promise<Response>

/** Try again: it is busy, or not there now. All else that is no success will not change by asking again. */
const WORTH_A_RETRY: ReadonlySet<number> = new Set([408, 409, 425, 429])

/** What is quoted of an answer that is no success. */
const MAX_QUOTED_CHARS = 300

/** Posts through the network's proxy; resolves with answers that are a success, rejects with a HandlerError otherwise. */
export function newPost(network: NetworkOptions): Post {
  const agents = new Map<string, Dispatcher>()
  const agentFor = (url: string, timeoutMs: number): Dispatcher => {
    const proxy = isDirect(new URL(url), network.noProxy) ? undefined : network.proxy
    const key = `${proxy ?? ''} ${timeoutMs}`
    const agent = agents.get(key) ?? newAgent(proxy, network.ca, timeoutMs)
    agents.set(key, agent)
    return agent
  }
  return async ({ url, headers, body, timeoutMs, signal }) => {
    let answer: Response
    try {
      answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
        redirect: 'manual',
        signal,
        dispatcher: agentFor(url, timeoutMs),
      })
    } catch (thrown) {
      throw new HandlerError(`${new URL(url).origin} does not answer: ${causeOf(thrown)}`)
    }
    if (answer.ok) return answer
    throw await refusal(url, answer)
  }
}

function newAgent(proxy: string | undefined, ca: string | undefined, timeoutMs: number): Dispatcher {
  const tls = ca === undefined ? {} : { ca: [...rootCertificates, ca] }
  const limits = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs, connect: { timeout: timeoutMs, ...tls } }
  return proxy === undefined
    ? new Agent(limits)
    : new ProxyAgent({ uri: proxy, ...limits, requestTls: tls, proxyTls: tls })
}

async function refusal(url: string, answer: Response): Promise<HandlerError> {
  const { status, headers } = answer
  const text = await answer.text().catch(() => '')
  const quoted = text === '' ? '' : `: ${text.slice(0, MAX_QUOTED_CHARS)}`
  const retryable = status >= 500 || WORTH_A_RETRY.has(status)
  return new HandlerError(`${new URL(url).origin} answered with HTTP status ${status}${quoted}`, {
    retryable,
    retryAfterMs: retryable ? retryAfterMs(headers.get('retry-after'), Date.now()) : undefined,
  })
}

/** Seconds or a date, as RFC 9110 has it. */
export function retryAfterMs(value: string | null, now: number): number | undefined {
  if (value === null) return undefined
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - now
  return ms > 0 ? ms : undefined
}

/** `fetch failed` alone says nothing. */
export function causeOf(thrown: unknown): string {
  return errorText(thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown)
}
