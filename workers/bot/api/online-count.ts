import { withTenantToken } from '@larksuiteoapi/node-sdk'
import { asObject } from '../../../src/core/as-object.ts'
import type { FeishuApi } from './feishu-api.ts'
import type { HttpAnswer } from '../http/http.ts'
import { verdictOf } from './send-answer.ts'

/**
 * How many connections of the app Feishu counts: `GET /open-apis/event/v1/connection`, which needs no
 * permission and may be asked 10 times per second (read in two other clients of Feishu). Undefined when it does not say.
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
    // The connection itself has its own watchdog, and sends report what is wrong with the API.
    return undefined
  }
}
