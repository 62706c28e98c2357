import { withTenantToken } from '@larksuiteoapi/node-sdk'
import { asObject } from '../../../src/core/as-object.ts'
import type { FeishuApi } from './feishu-api.ts'
import type { HttpAnswer } from '../http/http.ts'
import { verdictOf } from './send-answer.ts'

/** The bot's own open id: `GET /open-apis/bot/v3/info`. Undefined if Feishu gives none. Never rejects. */
export async function ownOpenId(api: FeishuApi): Promise<string | undefined> {
  // `bot` is not inside `data`, unlike in all other answers.
  const { open_id: openId } = asObject((await bodyOf(api, '/open-apis/bot/v3/info'))['bot'])
  return typeof openId === 'string' && openId !== '' ? openId : undefined
}

/**
 * Number of the app's connections by Feishu's count: `GET /open-apis/event/v1/connection`. The call needs no permission
 * and is allowed 10 times per second (read in two other clients of Feishu). Undefined if Feishu gives no number. Never
 * rejects.
 */
export async function onlineCount(api: FeishuApi): Promise<number | undefined> {
  const { online_instance_cnt: count } = asObject((await bodyOf(api, '/open-apis/event/v1/connection'))['data'])
  return typeof count === 'number' && Number.isInteger(count) && count >= 0 ? count : undefined
}

/** The body of a successful answer, else an empty one: the connection and the sends report problems of the API. */
async function bodyOf({ client, tokens }: FeishuApi, url: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const token = await tokens.current()
    const answer = await client.request<HttpAnswer>({ method: 'GET', url }, withTenantToken(token))
    if (verdictOf(answer) === 'refresh_token') tokens.drop(token)
    const body = asObject(answer.body)
    return body['code'] === 0 ? body : {}
  } catch {
    return {}
  }
}
