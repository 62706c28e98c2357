import { z } from '@hono/zod-openapi'
import { LoopDelay } from '../../core/time/loop-delay.ts'
import { type Api, define } from '../api/api.ts'
import type { RouteDeps } from '../api/app-view.ts'

const metrics = define('admin:read', {
  method: 'get',
  path: '/metrics',
  summary: 'Figures in the text format of Prometheus',
  responses: {
    200: { description: 'The figures.', content: { 'text/plain': { schema: z.string() } } },
  },
})

export function addMetricsRoute(api: Api, { view, fastAttempts }: RouteDeps): void {
  const delay = new LoopDelay()

  api.openapi(metrics, async (c) => {
    // Loaded at the first request, because it takes longer to load than the rest of the API.
    const { hostMetrics } = await import('./metrics.ts')
    const loopDelay = delay.take()
    const [status, thread] = await Promise.all([view.status(), view.metrics()])
    const host = await hostMetrics({ status, fastAttempts, loopDelay, residentBytes: process.memoryUsage.rss() })
    return c.text(`${host}${thread}`, 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
  })
}
