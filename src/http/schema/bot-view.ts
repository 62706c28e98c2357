import { z } from '@hono/zod-openapi'
import type { BotReport } from '../../protocol/model/status.ts'
import { botLimits, botPolicy } from './bot-schema.ts'
import { instant, iso } from './instant.ts'
import { connectionView } from './status-view.ts'

export const connectionViewSchema = z
  .object({
    botId: z.string(),
    state: z.enum(['disconnected', 'connecting', 'connected', 'error']),
    connectedAt: instant.optional(),
    lastHeartbeat: instant.optional().openapi({ description: 'When the gateway last answered a ping.' }),
    lastEventAt: instant.optional(),
    error: z.string().optional().openapi({ description: 'What is wrong and what to do.' }),
    attempt: z.number().optional().openapi({ description: 'Failed attempts since the last good connection.' }),
    nextAttemptAt: instant.optional(),
  })
  .openapi('Connection')

export const botSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    appId: z.string(),
    domain: z.string(),
    owner: z.string(),
    enabled: z.boolean(),
    useWebSocket: z.boolean().openapi({ description: 'Long connection (true) or webhook mode (false).' }),
    isolation: z.enum(['thread', 'process']),
    handler: z.string().openapi({ description: 'The name of the handler that answers for it.' }),
    limits: botLimits.openapi({ description: 'What is different from the options.' }),
    policy: botPolicy.openapi({ description: 'What is different from the options.' }),
    openId: z.string().nullable().openapi({ description: 'Its own open id; null until it has learnt it.' }),
    hasWebhookKeys: z.boolean(),
    wsConnectionState: z.enum(['disconnected', 'connecting', 'connected', 'error']),
    error: z.string().optional().openapi({ description: 'What keeps it from taking events.' }),
    createdAt: instant,
  })
  .openapi('Bot')

/** Bot as the API lists it, without its secrets. */
export function botView(report: BotReport, fastAttempts: number): z.infer<typeof botSchema> {
  const { state, error } = connectionView(report, fastAttempts)
  return {
    ...report.bot,
    wsConnectionState: state,
    ...(error === undefined ? {} : { error }),
    createdAt: iso(report.bot.createdAt),
  }
}
