import { z } from '@hono/zod-openapi'
import { FeishuSupervisorError } from '../../core/errors.ts'
import { type Api, define, json, problem } from '../api/api.ts'
import type { RouteDeps } from '../api/app-view.ts'
import { connectionViewSchema } from '../schema/bot-view.ts'
import { actorOf, botOf, botsOf } from '../api/principal.ts'
import { RequestRefused } from '../api/problem.ts'
import { connectionView } from '../schema/status-view.ts'

const params = z.object({ id: z.string() })

// The shapes, status codes and texts of these four routes are fixed by their users.

const connect = define('write', {
  method: 'post',
  path: '/api/feishu/bots/{id}/ws/connect',
  summary: 'Switch a bot to a long connection',
  request: { params },
  responses: {
    200: json(
      z.object({ success: z.literal(true), botId: z.string(), status: z.literal('connecting') }),
      'It connects, now and after every restart.',
    ),
    400: problem('The bot is missing, disabled or not yours.'),
    409: problem('This instance has all the connections it may have.'),
  },
})

const disconnect = define('write', {
  method: 'post',
  path: '/api/feishu/bots/{id}/ws/disconnect',
  summary: 'Close the long connection of a bot and switch it to webhook mode',
  request: { params },
  responses: {
    200: json(
      z.object({ success: z.literal(true), botId: z.string(), status: z.literal('disconnected') }),
      'It is closed and stays so after a restart; replies still go out.',
    ),
    400: problem('The bot is missing or not yours.'),
  },
})

const status = define('read', {
  method: 'get',
  path: '/api/feishu/bots/{id}/ws/status',
  summary: 'The connection of a bot',
  request: { params },
  responses: {
    200: json(connectionViewSchema, 'Its state.'),
    404: problem('There is no such bot, or it is not yours.'),
  },
})

const statuses = define('read', {
  method: 'get',
  path: '/api/feishu/ws/status',
  summary: 'The connections of all bots',
  responses: { 200: json(z.object({ connections: z.array(connectionViewSchema) }), 'Their states.') },
})

const MISSING = 'Bot not found or disabled'

export function addWsRoutes(api: Api, { view, fastAttempts }: RouteDeps): void {
  const switchTo = async (botId: string, useWebSocket: boolean, by: string): Promise<void> => {
    try {
      await view.updateBot(botId, { useWebSocket }, { by })
    } catch (thrown) {
      // The bot was removed meanwhile.
      const isGone = thrown instanceof FeishuSupervisorError && thrown.code === 'BOT_NOT_FOUND'
      throw isGone ? new RequestRefused(400, MISSING) : thrown
    }
  }

  api.openapi(connect, async (c) => {
    const report = botOf(c.get('principal'), await view.status(), c.req.valid('param').id)
    if (report?.bot.enabled !== true) throw new RequestRefused(400, MISSING)
    await switchTo(report.botId, true, actorOf(c.get('principal')))
    return c.json({ success: true as const, botId: report.botId, status: 'connecting' as const }, 200)
  })

  api.openapi(disconnect, async (c) => {
    const report = botOf(c.get('principal'), await view.status(), c.req.valid('param').id)
    if (report === undefined) throw new RequestRefused(400, MISSING)
    await switchTo(report.botId, false, actorOf(c.get('principal')))
    return c.json({ success: true as const, botId: report.botId, status: 'disconnected' as const }, 200)
  })

  api.openapi(status, async (c) => {
    const report = botOf(c.get('principal'), await view.status(), c.req.valid('param').id)
    if (report === undefined) throw new RequestRefused(404, 'Bot not found')
    return c.json(connectionView(report, fastAttempts), 200)
  })

  api.openapi(statuses, async (c) => {
    const bots = botsOf(c.get('principal'), await view.status())
    return c.json({ connections: bots.map((bot) => connectionView(bot, fastAttempts)) }, 200)
  })
}
