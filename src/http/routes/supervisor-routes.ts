import { z } from '@hono/zod-openapi'
import { type Api, define, json } from '../api/api.ts'
import type { RouteDeps } from '../api/app-view.ts'
import { botsOf } from '../api/principal.ts'
import { supervisorView } from '../schema/status-view.ts'

const health = define('public', {
  method: 'get',
  path: '/healthz',
  summary: 'The process lives',
  responses: { 200: json(z.object({ status: z.literal('ok') }), 'It does.') },
})

const readiness = z.object({
  status: z.enum(['ready', 'not ready']),
  supervisor: z.string(),
  store: z.any().openapi({ type: 'object' }),
})

const ready = define('public', {
  method: 'get',
  path: '/readyz',
  summary: 'The supervisor runs and the database answers',
  responses: { 200: json(readiness, 'Both do.'), 503: json(readiness, 'One of them does not; the body says which.') },
})

const supervisor = define('read', {
  method: 'get',
  path: '/api/feishu/supervisor',
  summary: 'Every worker and connection with its cause, next step and time; pool, inbox, database',
  responses: { 200: json(z.any().openapi({ type: 'object' }), 'As known; also while the supervisor thread is down.') },
})

export function addSupervisorRoutes(api: Api, { view }: RouteDeps): void {
  api.openapi(health, (c) => c.json({ status: 'ok' as const }, 200))

  api.openapi(ready, async (c) => {
    const { state, store } = await view.status()
    const isReady = state === 'running' && store.ready
    const answer = { supervisor: state, store }
    return isReady
      ? c.json({ ...answer, status: 'ready' as const }, 200)
      : c.json({ ...answer, status: 'not ready' as const }, 503)
  })

  api.openapi(supervisor, async (c) => {
    const status = await view.status()
    return c.json(supervisorView({ ...status, bots: botsOf(c.get('principal'), status) }), 200)
  })
}
