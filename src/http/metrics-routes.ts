import { monitorEventLoopDelay } from 'node:perf_hooks'
import { z } from '@hono/zod-openapi'
import { type Api, define } from './api.ts'
import type { RouteDeps } from './app-view.ts'
import { metricsText } from './metrics.ts'

const metrics = define('admin:read', {
  method: 'get',
  path: '/metrics',
  summary: 'Figures in the text format of Prometheus',
  responses: {
    200: { description: 'The figures.', content: { 'text/plain': { schema: z.string() } } },
  },
})

const NANOSECONDS = 1e9

export function addMetricsRoute(api: Api, { view, fastAttempts }: RouteDeps): void {
  const messageCounts = new Map<string, number>()
  view.on('message', ({ stage }) => messageCounts.set(stage, (messageCounts.get(stage) ?? 0) + 1))
  const delay = monitorEventLoopDelay()
  delay.enable()

  api.openapi(metrics, async (c) => {
    const hasSamples = Number.isFinite(delay.mean)
    const eventLoopDelaySeconds = {
      mean: hasSamples ? delay.mean / NANOSECONDS : 0,
      max: hasSamples ? delay.max / NANOSECONDS : 0,
    }
    delay.reset()
    const status = await view.status()
    return c.text(metricsText({ status, fastAttempts, messageCounts, eventLoopDelaySeconds }), 200)
  })
}
