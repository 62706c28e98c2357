import { randomUUID } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import { asObject } from '../../../src/core/as-object.ts'
import { bareHost } from '../../../src/core/hosts.ts'
import { FeishuSupervisorError } from '../../../src/core/errors.ts'
import { Egress } from './egress.ts'

/** An HTTP answer of any status. Only a call without an answer rejects. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<http.IncomingHttpHeaders>
  /** Parsed JSON, or the text if it is not JSON. */
  readonly body: unknown
}

/** The part of the SDK's request config that its Client and WSClient use. */
export interface HttpRequest {
  readonly method?: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly params?: Readonly<Record<string, unknown>>
  readonly data?: unknown
  /** Limit of this call, milliseconds. Default: the limit of `Http`. */
  readonly timeoutMs?: number
}

/** Content type of a request whose data are the fields of a form. */
export const FORM = 'multipart/form-data'

/** Largest answer. Feishu's largest documented answer to our calls is far below. A larger answer is refused, not buffered. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024

const TIMED_OUT = Object.assign(new Error('no complete answer in time'), { code: 'ETIMEDOUT' })

/**
 * HTTP client: JSON over keep-alive connections, with a time limit for the whole call. The SDK's default client has no
 * timeout, and its errors carry the request, secrets included, into logs.
 */
export class Http {
  readonly #timeoutMs: number
  readonly #egress: Egress

  constructor(timeoutMs: number, egress: Egress = new Egress()) {
    this.#timeoutMs = timeoutMs
    this.#egress = egress
  }

  /** Rejects with `CONNECTION_FAILED` (retryable, outcome unknown) if no complete answer comes in time. */
  request(request: HttpRequest): Promise<HttpAnswer> {
    const url = new URL(request.url)
    for (const [key, value] of Object.entries(request.params ?? {})) {
      if (value !== undefined) url.searchParams.set(key, `${value as string | number | boolean}`)
    }
    const body = request.data === undefined ? undefined : toBody(request)
    const method = request.method?.toUpperCase() ?? 'GET'
    return new Promise((resolve, reject) => {
      const call = (url.protocol === 'https:' ? https : http).request({
        ...this.#egress.to(url),
        method,
        host: bareHost(url),
        port: url.port,
        path: `${url.pathname}${url.search}`,
        // Passing a URL and an object of headers would do the same and cost a fifth of a reply's CPU.
        headers: toHeaders(url, method, request.headers, body),
      })
      const fail = (cause: unknown): void => {
        clearTimeout(timer)
        const text = `${url.origin}${url.pathname}: ${causeText(cause)}`
        reject(new FeishuSupervisorError('CONNECTION_FAILED', text, { cause }))
        call.destroy()
      }
      // A signal and an async iterator would do the same and cost a tenth of a reply.
      const timer = setTimeout(fail, request.timeoutMs ?? this.#timeoutMs, TIMED_OUT)
      call.on('error', fail)
      call.once('response', (response) => {
        readAll(response, fail, (text) => {
          clearTimeout(timer)
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parseJson(text) })
        })
      })
      const chunks = body?.chunks ?? []
      for (const chunk of chunks.slice(0, -1)) call.write(chunk)
      call.end(chunks.at(-1))
    })
  }

  close(): void {
    this.#egress.close()
  }
}

interface Body {
  readonly type: string
  /** Bytes. */
  readonly size: number
  readonly chunks: readonly Uint8Array[]
}

/** Builds a flat list of names and values, which Node sends unchanged. Each name stands once; the body's length is included. */
function toHeaders(url: URL, method: string, own: HttpRequest['headers'], body: Body | undefined): string[] {
  const headers = new Map([['host', url.host]])
  for (const [name, value] of Object.entries(own ?? {})) headers.set(name.toLowerCase(), value)
  if (body !== undefined) headers.set('content-type', body.type)
  if (body !== undefined || method !== 'GET') headers.set('content-length', `${body?.size ?? 0}`)
  return [...headers].flat()
}

/** Builds the body: JSON, or a form if the header asks for it, as the SDK's generated calls do. */
function toBody({ data, headers = {} }: HttpRequest): Body {
  if (headers['content-type'] === FORM) return toForm(asObject(data))
  const json = Buffer.from(JSON.stringify(data))
  return { type: 'application/json; charset=utf-8', size: json.length, chunks: [json] }
}

/** Builds a form. Bytes become a file and are sent without a copy. The file name must be valid in a header. */
function toForm(fields: Readonly<Record<string, unknown>>): Body {
  const boundary = randomUUID()
  const { file_name: fileName = 'upload' } = fields
  const chunks = Object.entries(fields).flatMap(([name, value]) => {
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="${name}"`
    return value instanceof Uint8Array
      ? [Buffer.from(`${head}; filename="${fileName as string}"\r\n\r\n`), value, Buffer.from('\r\n')]
      : [Buffer.from(`${head}\r\n\r\n${value as string}\r\n`)]
  })
  chunks.push(Buffer.from(`--${boundary}--\r\n`))
  const size = chunks.reduce((sum, { length }) => sum + length, 0)
  return { type: `${FORM}; boundary=${boundary}`, size, chunks }
}

/**
 * Whether a call of `Http` failed before a byte was sent: its host was not found or accepted no connection. All other
 * failures may have happened after Feishu had processed the call.
 */
export function wasNeverSent(thrown: unknown): boolean {
  const cause = thrown instanceof Error ? thrown.cause : undefined
  // A host with several addresses gives one error per address.
  const causes: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause]
  return causes.every(
    (one) => one instanceof Error && 'syscall' in one && (one.syscall === 'connect' || one.syscall === 'getaddrinfo'),
  )
}

/** Text of a failure. Node's code (ECONNREFUSED, ...) says more than its message and never holds the request. */
function causeText(cause: unknown): string {
  if (!(cause instanceof Error)) return 'the call failed'
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
}

function readAll(response: http.IncomingMessage, fail: (cause: unknown) => void, done: (text: string) => void): void {
  const chunks: Buffer[] = []
  let size = 0
  response.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) fail(new Error(`the answer exceeds ${MAX_ANSWER_BYTES} bytes`))
    else chunks.push(chunk)
  })
  // Emitted also if the connection ends in the middle of the answer.
  response.on('error', fail)
  response.once('end', () => done(Buffer.concat(chunks).toString('utf8')))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
