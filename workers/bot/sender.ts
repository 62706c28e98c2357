import { Client, type HttpInstance, LoggerLevel, withTenantToken } from '@larksuiteoapi/node-sdk'
import { asObject } from '../../src/core/as-object.ts'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import { FeishuSupervisorError, toErrorRecord } from '../../src/core/errors.ts'
import type { Logger } from '../../src/core/logger.ts'
import type { SendOutcome } from '../../src/protocol/data.ts'
import type { OutgoingReply } from '../../src/protocol/message.ts'
import type { Http, HttpAnswer, HttpRequest } from './http.ts'
import { sdkLogger } from './sdk-logger.ts'
import { Tokens } from './tokens.ts'

export interface SenderDependencies {
  readonly appId: string
  readonly appSecret: string
  readonly domain: string
  readonly http: Http
  readonly logger: Logger
  readonly clock?: Clock
}

/** Feishu codes that a fresh token mends: missing, expired or invalid tenant token. */
const TOKEN_CODES: ReadonlySet<number> = new Set([99991661, 99991663, 99991664, 99991665])

/** Feishu codes that pass by themselves: frequency limits, "message is being sent", internal errors. */
const PASSING_CODES: ReadonlySet<number> = new Set([99991400, 230020, 230049, 2200, 5000])

/**
 * Sends replies through the SDK's Client. A reply is sent at least once with the same `uuid` every
 * time; Feishu shows at most one message per uuid within an hour, which makes it exactly one.
 */
export class Sender {
  readonly #client: Client
  readonly #tokens: Tokens

  constructor({ appId, appSecret, domain, http, logger, clock = systemClock }: SenderDependencies) {
    this.#client = new Client({
      appId,
      appSecret,
      domain,
      disableTokenCache: true,
      loggerLevel: LoggerLevel.warn,
      logger: sdkLogger(logger),
      // Client.request uses nothing of the instance but `request` (SDK 1.74.0, held by a contract test)
      // and passes its answer on unread, so every status arrives as a value.
      httpInstance: { request: (request: HttpRequest) => http.request(request) } as unknown as HttpInstance,
    })
    this.#tokens = new Tokens(this.#client, { appId, appSecret }, clock)
  }

  /** Never rejects. */
  async send(reply: OutgoingReply): Promise<SendOutcome> {
    try {
      const first = await this.#reply(reply)
      return isTokenTrouble(first) ? outcomeOf(await this.#reply(reply)) : outcomeOf(first)
    } catch (thrown) {
      return { kind: 'failed', failure: { error: toErrorRecord(thrown, 'REPLY_FAILED') } }
    }
  }

  async #reply({ messageId, msgType, content, uuid }: OutgoingReply): Promise<HttpAnswer> {
    const token = await this.#tokens.current()
    const answer = await this.#client.request<HttpAnswer>(
      {
        method: 'POST',
        url: `/open-apis/im/v1/messages/${encodeURIComponent(messageId)}/reply`,
        data: { msg_type: msgType, content, uuid },
      },
      withTenantToken(token),
    )
    if (isTokenTrouble(answer)) this.#tokens.drop(token)
    return answer
  }
}

function isTokenTrouble(answer: HttpAnswer): boolean {
  return TOKEN_CODES.has(read(answer).code)
}

/** HTTP status and body code are both looked at: older gateways answer 200 with an error code. */
function outcomeOf(answer: HttpAnswer): SendOutcome {
  const { code, text, messageId } = read(answer)
  if (code === 0 && answer.status < 300 && messageId !== undefined) return { kind: 'sent', messageId }
  const isPassing = answer.status === 429 || answer.status >= 500 || PASSING_CODES.has(code) || TOKEN_CODES.has(code)
  const resetSeconds = Number(answer.headers['x-ogw-ratelimit-reset'])
  const logId = answer.headers['x-tt-logid']
  return {
    kind: 'failed',
    failure: {
      error: toErrorRecord(
        new FeishuSupervisorError(
          isPassing ? 'REPLY_FAILED' : 'REPLY_REFUSED',
          `Feishu refused the reply: ${text} (code ${code}, HTTP ${answer.status})`,
        ),
      ),
      ...(resetSeconds > 0 ? { retryAfterMs: Math.ceil(resetSeconds * 1000) } : {}),
      ...(typeof logId === 'string' ? { logId } : {}),
    },
  }
}

function read({ body }: HttpAnswer): { code: number; text: string; messageId: string | undefined } {
  const { code, msg, data } = asObject(body)
  const { message_id: messageId } = asObject(data)
  return {
    code: typeof code === 'number' ? code : -1,
    text: typeof msg === 'string' ? msg : 'no message',
    messageId: typeof messageId === 'string' ? messageId : undefined,
  }
}
