import { z } from '@hono/zod-openapi'
import { type Api, define, json, problem } from '../api/api.ts'
import type { RouteDeps } from '../api/app-view.ts'
import { readBytes } from '../api/read-bytes.ts'
import { RequestRefused } from '../api/problem.ts'

/** Longest time for a body, milliseconds. Feishu gives up after 3 s. */
const BODY_TIMEOUT_MS = 3_000

const webhook = define('public', {
  method: 'post',
  path: '/api/feishu/webhook/{appId}',
  summary: 'Events of an app in webhook mode, signed by Feishu',
  description:
    'Needs the Encrypt Key and the Verification Token of the app. 200 says that the event is stored; anything else makes Feishu deliver it again.',
  request: { params: z.object({ appId: z.string() }) },
  responses: {
    200: json(z.any().openapi({ type: 'object' }), 'Stored; the body answers a callback or the check of the URL.'),
    401: problem('Not signed by this app, or there is no such app with both keys.'),
    413: problem('Larger than any event.'),
    503: problem('Not stored.'),
  },
})

export function addWebhookRoute(api: Api, { view, maxWebhookBytes }: RouteDeps): void {
  api.openapi(webhook, async (c) => {
    const { headers } = c.req.raw
    if (headers.has('content-encoding')) throw new RequestRefused(415, 'expected a body without content encoding')
    const answer = await view.takeWebhook(c.req.valid('param').appId, {
      body: await readBytes(c.req.raw, maxWebhookBytes, BODY_TIMEOUT_MS),
      timestamp: headers.get('x-lark-request-timestamp'),
      nonce: headers.get('x-lark-request-nonce'),
      signature: headers.get('x-lark-signature'),
    })
    if (answer.status === 200) return c.json(answer.body, 200)
    throw new RequestRefused(answer.status, answer.status === 401 ? 'Unauthorized' : 'The event is not stored')
  })
}
