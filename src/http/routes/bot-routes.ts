import { z } from '@hono/zod-openapi'
import { DEFAULT_HANDLER } from '../../protocol/chat.ts'
import type { BotReport } from '../../protocol/model/status.ts'
import type { Principal } from '../../protocol/model/access.ts'
import { type Api, body, define, json, pageFrom, pageOf, pageQuery, problem } from '../api/api.ts'
import type { RouteDeps } from '../api/app-view.ts'
import { checkRights } from '../api/bot-rights.ts'
import { botFields, changeFields } from '../schema/bot-schema.ts'
import { botSchema, botView } from '../schema/bot-view.ts'
import { actorOf, botOf, botsOf } from '../api/principal.ts'
import { RequestRefused } from '../api/problem.ts'

const PATH = '/api/feishu/bots'
const ONE = `${PATH}/{id}`

const createSchema = z.strictObject(botFields).openapi('NewBot')

const patchSchema = z
  .strictObject(changeFields)
  .refine((change) => Object.keys(change).length > 0, 'nothing to change: give at least one field')
  .openapi('BotChange')

const params = z.object({ id: z.string() })
const notFound = problem('There is no such bot, or it is not yours.')
const done = z.object({ success: z.literal(true), botId: z.string() })

const listBots = define('read', {
  method: 'get',
  path: PATH,
  summary: 'Bots with their connection state',
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(pageOf(botSchema), 'A page of bots, in order of creation.') },
})

const addBot = define('write', {
  method: 'post',
  path: PATH,
  summary: 'Add a bot',
  request: body(createSchema),
  responses: {
    201: json(botSchema, 'The bot; its secrets are sealed and never shown.'),
    400: problem('A field is wrong; the text names it.'),
    403: problem('Only an admin may set this; the text names the field.'),
    409: problem('There is a bot with this app id already.'),
  },
})

const getBot = define('read', {
  method: 'get',
  path: ONE,
  summary: 'One bot',
  request: { params },
  responses: { 200: json(botSchema, 'The bot.'), 404: notFound },
})

const changeBot = define('write', {
  method: 'patch',
  path: ONE,
  summary: 'Change a bot; a change of mode is live',
  request: { params, ...body(patchSchema) },
  responses: {
    200: json(botSchema, 'The bot as it is now.'),
    400: problem('A field is wrong; the text names it.'),
    403: problem('Only an admin may set this; the text names the field.'),
    404: notFound,
    409: problem('It would be one connection too many.'),
  },
})

const removeBot = define('write', {
  method: 'delete',
  path: ONE,
  summary: 'Remove a bot; its messages and dead letters stay',
  request: { params },
  responses: { 200: json(done, 'It is gone.'), 404: notFound },
})

const restartBot = define('write', {
  method: 'post',
  path: `${ONE}/restart`,
  summary: 'Give a bot a new worker; a failed bot is released by it',
  request: { params },
  responses: { 200: json(done, 'The new worker starts.'), 404: notFound },
})

export function addBotRoutes(api: Api, { view, fastAttempts, botRights }: RouteDeps): void {
  const shown = (report: BotReport) => botView(report, fastAttempts)
  const require = async (principal: Principal, id: string): Promise<BotReport> => {
    const report = botOf(principal, await view.status(), id)
    if (report === undefined) throw new RequestRefused(404, 'Bot not found')
    return report
  }

  api.openapi(listBots, async (c) => {
    const page = pageFrom(botsOf(c.get('principal'), await view.status()), c.req.valid('query'))
    return c.json({ ...page, items: page.items.map(shown) }, 200)
  })

  api.openapi(addBot, async (c) => {
    const principal = c.get('principal')
    const { owner = principal.owner, handler = DEFAULT_HANDLER, ...given } = c.req.valid('json')
    const bot = { ...given, handler }
    checkRights({ ...bot, owner }, { limits: {} }, principal, botRights)
    const { id } = await view.addBot({ ...bot, owner }, { by: actorOf(principal) })
    return c.json(shown(await require(principal, id)), 201)
  })

  api.openapi(getBot, async (c) => c.json(shown(await require(c.get('principal'), c.req.valid('param').id)), 200))

  api.openapi(changeBot, async (c) => {
    const principal = c.get('principal')
    const { id } = c.req.valid('param')
    const change = c.req.valid('json')
    const { bot } = await require(principal, id)
    checkRights(change, bot, principal, botRights)
    await view.updateBot(id, change, { by: actorOf(principal) })
    return c.json(shown(await require(principal, id)), 200)
  })

  api.openapi(removeBot, async (c) => {
    const { id } = c.req.valid('param')
    await require(c.get('principal'), id)
    await view.removeBot(id, { by: actorOf(c.get('principal')) })
    return c.json({ success: true as const, botId: id }, 200)
  })

  api.openapi(restartBot, async (c) => {
    const { id } = c.req.valid('param')
    await require(c.get('principal'), id)
    await view.restartBot(id, { by: actorOf(c.get('principal')) })
    return c.json({ success: true as const, botId: id }, 200)
  })
}
