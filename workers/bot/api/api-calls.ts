import { withTenantToken } from '@larksuiteoapi/node-sdk'
import { toErrorRecord } from '../../../src/core/errors.ts'
import type { SendFailure } from '../../../src/protocol/data.ts'
import type { FeishuApi } from './feishu-api.ts'
import { type HttpAnswer, type HttpRequest, wasNeverSent } from '../http/http.ts'
import { type Called, tokenFailure, verdictOf } from './send-answer.ts'
import { TokenRefused } from './tokens.ts'

/** A call of Feishu's open API. Default method: POST. */
export type Call = Required<Pick<HttpRequest, 'url' | 'data'>> &
  Pick<HttpRequest, 'method' | 'params' | 'headers' | 'timeoutMs'>

/** Makes calls with the bot's own token. */
export class ApiCalls {
  readonly #api: FeishuApi

  constructor(api: FeishuApi) {
    this.#api = api
  }

  /** Never rejects. Refreshes the token once if Feishu refuses it. */
  async call(call: Call): Promise<Called> {
    const called = await this.callOnce(call)
    const isTokenStale = called.kind === 'answered' && verdictOf(called.answer) === 'refresh_token'
    return isTokenStale ? await this.callOnce(call) : called
  }

  async callOnce(call: Call): Promise<Called> {
    let token: string
    try {
      token = await this.#api.tokens.current()
    } catch (thrown) {
      const isAnswered = thrown instanceof TokenRefused
      // Only the token call was made; this call was not sent.
      return failed(isAnswered ? tokenFailure(thrown.answer) : { error: toErrorRecord(thrown), isRefused: true })
    }
    try {
      const answer = await this.#api.client.request<HttpAnswer>({ method: 'POST', ...call }, withTenantToken(token))
      if (verdictOf(answer) === 'refresh_token') this.#api.tokens.drop(token)
      return { kind: 'answered', answer }
    } catch (thrown) {
      return failed({ error: toErrorRecord(thrown, 'REPLY_FAILED'), isRefused: wasNeverSent(thrown) })
    }
  }
}

function failed(failure: SendFailure): Called {
  return { kind: 'failed', failure }
}
