import { withTenantToken } from '@larksuiteoapi/node-sdk'
import { asObject } from '../../../src/core/as-object.ts'
import type { FeishuApi } from './feishu-api.ts'
import type { HttpAnswer } from '../http/http.ts'
import { verdictOf } from './send-answer.ts'

/**
 * Number of the app's connections by Feishu's count: `GET /open-apis/event/v1/connection`. The call needs no permission
 * and is allowed 10 times per second (read in two other clients of Feishu). Undefined if Feishu gives no number.
 */
export async function onlineCount({ client, tokens }: FeishuApi): Promise<number | undefined> {
  try {
    const token = await tokens.current()
    const answer = await client.request<HttpAnswer>(
      { method: 'GET', url: '/open-apis/event/v1/connection' },
      withTenantToken(token),
    )
    if (verdictOf(answer) === 'refresh_token') tokens.drop(token)
    const { code, data } = asObject(answer.body)
    const { online_instance_cnt: count } = asObject(data)
    return code === 0 && typeof count === 'number' && Number.isInteger(count) && count >= 0 ? count : undefined
  } catch {
    // The connection has its own watchdog, and sends report problems of the API.
    return undefined
  }
}
