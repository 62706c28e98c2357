import { rootCertificates } from 'node:tls'
import { Agent, type Dispatcher, fetch, ProxyAgent, type Response } from 'undici'
import { errorText } from '../core/errors.ts'
import { isDirect } from '../core/hosts.ts'
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

/** Status codes below 500 that are worth a retry: the server is busy or away. Other errors do not change by a retry. */
const WORTH_A_RETRY: ReadonlySet<number> = new Set([408, 409, 425, 429])

/** Largest part of a failed answer that the error quotes. */
const MAX_QUOTED_CHARS = 300

/** Creates a function that posts through the network's proxy. It resolves with a successful answer, and rejects with a `HandlerError` for all else. */
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

/** Reads a Retry-After header: seconds or a date (RFC 9110). */
export function retryAfterMs(value: string | null, now: number): number | undefined {
  if (value === null) return undefined
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - now
  return ms > 0 ? ms : undefined
}

/** Text of the cause, if there is one: the message of fetch is only `fetch failed`. */
export function causeOf(thrown: unknown): string {
  return errorText(thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown)
}
