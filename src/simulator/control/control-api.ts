import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { errorText, FeishuSupervisorError } from '../../core/errors.ts'
import { checkHistory } from '../history/check-history.ts'
import {
  readAction,
  readApp,
  readCardClick,
  readFault,
  readMembershipChange,
  readMenuClick,
  readUserMessage,
  readRawEvent,
  readReaction,
  readReading,
  readTrafficPlan,
  readWebhookSetup,
} from './control-input.ts'
import { ControlFields } from './control-fields.ts'
import type { HistoryEntry } from '../history/history.ts'
import type { PlatformEnv } from '../http/http-answer.ts'
import type { SimulatorControls } from './simulator-controls.ts'
import type { UserChat } from '../users/user-chat.ts'

/**
 * Remote control of a simulator in another process, for drivers and for curl. Bodies are read as JSON for every content
 * type. Lists of history entries are NDJSON.
 */
export function controlRoutes(simulator: SimulatorControls): Hono<PlatformEnv> {
  const { history } = simulator
  return new Hono<PlatformEnv>()
    .use(refuseOtherSites)
    .get('/apps', (c) => c.json(simulator.apps.map(({ appId, name }) => ({ appId, name }))))
    .post('/page/chat', async (c) => c.json({ chatId: readChat(simulator, await bodyOf(c)).chatId }))
    .post('/page/say', async (c) => {
      const fields = await bodyOf(c)
      const at = fields.has('group') ? simulator.apps.filter(({ appId }) => appId === fields.text('appId')) : []
      return c.json({ messageId: readChat(simulator, fields).say(fields.text('text'), { at }).messageId }, 201)
    })
    .post('/apps', async (c) => {
      const fields = await bodyOf(c)
      const app = readApp(fields)
      simulator.addApp(app)
      return c.json({ appId: app.appId }, 201)
    })
    .put('/apps/:id/webhook', async (c) => {
      await simulator.useWebhook(c.req.param('id'), readWebhookSetup(await bodyOf(c)))
      return c.json({}, 201)
    })
    .delete('/apps/:id/webhook', (c) => {
      simulator.useLongConnection(c.req.param('id'))
      return c.json({})
    })
    .post('/messages', async (c) => {
      const message = readUserMessage(await bodyOf(c))
      return c.json('text' in message ? simulator.sendText(message) : simulator.sendMessage(message), 201)
    })
    .post('/messages/:id/recall', (c) => c.json(simulator.recall(c.req.param('id')), 201))
    .post('/reactions', async (c) => c.json(simulator.react(readReaction(await bodyOf(c))), 201))
    .post('/bots/add', async (c) => c.json(simulator.addBotToChat(readMembershipChange(await bodyOf(c))), 201))
    .post('/bots/remove', async (c) => c.json(simulator.removeBot(readMembershipChange(await bodyOf(c))), 201))
    .post('/p2p/enter', async (c) => c.json(simulator.enterP2p(readAction(await bodyOf(c))), 201))
    .post('/menu/click', async (c) => c.json(simulator.clickMenu(readMenuClick(await bodyOf(c))), 201))
    .post('/read', async (c) => c.json(simulator.read(readReading(await bodyOf(c))), 201))
    .post('/events', async (c) => c.json(simulator.sendEvent(readRawEvent(await bodyOf(c))), 201))
    .post('/cards/click', async (c) => c.json(await simulator.clickCard(readCardClick(await bodyOf(c)))))
    .post('/traffic', async (c) => {
      const { id } = simulator.startTraffic(readTrafficPlan(await bodyOf(c)))
      return c.json({ id }, 201)
    })
    .get('/traffic/:id', (c) => {
      const progress = simulator.trafficProgress(c.req.param('id'))
      return progress === undefined ? c.json({ error: 'no such traffic' }, 404) : c.json(progress)
    })
    .get('/history', (c) =>
      ndjson(
        history
          .after(queryNumber(c, 'after', 0))
          .map(toLine)
          .join(''),
      ),
    )
    .get('/history/stream', (c) => ndjson(follow(simulator, queryNumber(c, 'after', 0))))
    .get('/wait', async (c) => {
      const count = c.req.query('count') === undefined ? {} : { count: queryNumber(c, 'count', 0) }
      return c.json(await simulator.waitForReplies({ ...count, timeoutMs: queryNumber(c, 'timeoutMs', 10_000) }))
    })
    .post('/faults', async (c) => {
      const fault = readFault(await bodyOf(c))
      simulator.inject(fault)
      return c.json(fault, 201)
    })
    .get('/summary', (c) => c.json(checkHistory(history.entries)))
    .onError((thrown, c) => {
      const isMistake = thrown instanceof FeishuSupervisorError && thrown.code === 'CONFIG_INVALID'
      return c.json({ error: errorText(thrown) }, isMistake ? 400 : 500)
    })
}

/** Refuses requests of other origins: a page of another site in the user's browser must not control the simulator. */
const refuseOtherSites: MiddlewareHandler<PlatformEnv> = async (c, next) => {
  const origin = c.req.header('origin')
  if (origin === undefined || origin === new URL(c.req.url).origin) return next()
  return c.json({ error: `requests of ${origin} are not taken` }, 403)
}

/** The chat that the page shows: the person's p2p chat with the bot, or a named group. */
function readChat(simulator: SimulatorControls, fields: ControlFields): UserChat {
  const user = simulator.user(fields.text('user'))
  const app = { appId: fields.text('appId') }
  return fields.has('group') ? user.groupWith(app, fields.text('group')) : user.chatWith(app)
}

async function bodyOf(c: Context): Promise<ControlFields> {
  const text = await c.req.text()
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw new FeishuSupervisorError('CONFIG_INVALID', 'the body is not JSON')
  }
  return new ControlFields(body)
}

function queryNumber(c: Context, name: string, fallback: number): number {
  const value = Number(c.req.query(name) ?? fallback)
  if (!(value >= 0)) throw new FeishuSupervisorError('CONFIG_INVALID', `${name} must be a number, not below 0`)
  return value
}

/** Yields the entries after `seq` and then every new one, until the reader disconnects. */
function follow({ history }: SimulatorControls, seq: number): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let unsubscribe = (): void => {}
  return new ReadableStream({
    start(controller) {
      const enqueue = (entry: HistoryEntry): void => controller.enqueue(encoder.encode(toLine(entry)))
      for (const entry of history.after(seq)) enqueue(entry)
      unsubscribe = history.subscribe(enqueue)
    },
    cancel: () => unsubscribe(),
  })
}

function toLine(entry: HistoryEntry): string {
  return `${JSON.stringify(entry)}\n`
}

function ndjson(body: string | ReadableStream<Uint8Array>): Response {
  return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } })
}
