import { Client, type HttpInstance, LoggerLevel } from '@larksuiteoapi/node-sdk'
import { type Clock, systemClock } from '../../../src/core/time/clock.ts'
import type { Logger } from '../../../src/core/log/logger.ts'
import type { Http, HttpRequest } from '../http/http.ts'
import { sdkLogger } from '../http/sdk-logger.ts'
import { type Credentials, Tokens } from './tokens.ts'

export interface FeishuApiDeps {
  readonly credentials: Credentials
  readonly domain: string
  readonly http: Http
  readonly logger: Logger
  readonly clock?: Clock
}

/** The SDK's Client and the bot's own tokens for its calls. Calls resolve with a whole answer of any status. */
export interface FeishuApi {
  readonly client: Client
  readonly tokens: Tokens
}

export function createFeishuApi({ credentials, domain, http, logger, clock = systemClock }: FeishuApiDeps): FeishuApi {
  const client = new Client({
    // The SDK requires a secret and does not use it: the tokens are our own.
    ...credentials,
    domain,
    disableTokenCache: true,
    loggerLevel: LoggerLevel.warn,
    logger: sdkLogger(logger),
    // Client.request uses only `request` of the instance (SDK 1.74.0, held by a contract test) and passes the answer on
    // unread, so every status arrives as a value.
    httpInstance: { request: (request: HttpRequest) => http.request(request) } as unknown as HttpInstance,
  })
  return { client, tokens: new Tokens(client, credentials, clock) }
}
