import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { deferred } from '../../src/core/time/deferred.ts'
import { judge } from '../support/judge.ts'
import { launchSimulator, type LaunchedSimulator } from '../../src/simulator/launch.ts'
import type { FeishuSupervisor, FeishuSupervisorOptions } from '../../src/index.ts'
import { addConnected, Cleanups, eventOf } from '../support/system.ts'

// The times are those of `npm run bench -- --only slow`. Here nobody is answered before all are asked.

const cleanups = new Cleanups()
afterEach(cleanups.run)

const UNLIMITED = {
  repliesPerChatPerSecond: 10_000,
  repliesPerSecond: 10_000,
  inboundPerSecond: 10_000,
  inboundBurst: 10_000,
}

/** A model that answers nobody before it is asked so many times at once, and then everybody. */
class Model {
  readonly #asked: ServerResponse[] = []
  #onAsked = (): void => {}

  readonly server = createServer((_request, response) => {
    this.#asked.push(response)
    this.#onAsked()
  })

  /** Resolves when so many wait for their answer. */
  async waiting(count: number): Promise<void> {
    const { promise, resolve: done } = deferred()
    this.#onAsked = () => this.#asked.length >= count && done()
    this.#onAsked()
    await promise
  }

  answer(): void {
    for (const response of this.#asked.splice(0)) response.end('yes')
    this.#onAsked = () => this.answer()
  }

  async open(): Promise<string> {
    this.server.listen(0, '127.0.0.1')
    cleanups.add(() => {
      this.server.closeAllConnections()
      return new Promise((closed) => this.server.close(closed))
    })
    await once(this.server, 'listening')
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }
}

interface Scene {
  readonly model: Model
  readonly simulator: LaunchedSimulator
  readonly supervisor: FeishuSupervisor
  readonly apps: readonly { readonly appId: string }[]
  /** Sends a message to so many chats of a bot. */
  readonly say: (bot: number, chats: number, text?: string) => Promise<void>
}

async function open(bots: number, messages?: FeishuSupervisorOptions['messages']): Promise<Scene> {
  const model = new Model()
  const url = await model.open()
  const apps = Array.from({ length: bots }, (_, index) => ({
    appId: `cli_${index.toString(16).padStart(16, '0')}`,
    appSecret: `fake-secret-${index}`,
    name: `bot ${index}`,
  }))
  const simulator = await launchSimulator({ apps, limits: { perChat: 0, perApp: 0, perAppMinute: 0 } })
  cleanups.add(() => simulator.stop())
  const dataDir = await cleanups.dataDir()
  const handler = join(dataDir, 'asks.mjs')
  await writeFile(
    handler,
    `import deeds from ${JSON.stringify(resolve('test/fixtures/handlers/shares.mjs'))}
     export default async (message, ctx) => {
       const [what] = message.text.split(' ')
       if (what === 'slow') await (await fetch('${url}')).text()
       else if (what !== 'quick') return await deeds(message, { ...ctx, reply: () => ctx.reply('attempt ' + ctx.attempt) })
       await ctx.reply('attempt ' + ctx.attempt)
     }`,
  )
  const supervisor = cleanups.supervisor({ dataDir, handler, ...(messages && { messages }) })
  await supervisor.start()
  for (const app of apps) await addConnected(supervisor, app, simulator.url)
  const say: Scene['say'] = async (bot, chats, text = 'slow') => {
    const { appId = '' } = apps[bot] ?? {}
    const all = Array.from({ length: chats }, (_, chat) => ({ appId, chatId: `oc_${bot}_${chat}` }))
    await simulator.client.startTraffic({ chats: all, count: chats, perSecond: 10_000, textPrefix: text })
  }
  return { model, simulator, supervisor, apps, say }
}

const repliesOf = async ({ client }: LaunchedSimulator): Promise<string[]> =>
  (await client.history()).flatMap((entry) => (entry.kind === 'message_created' ? [entry.content] : []))

/** What came of so many messages, when each has its reply or time is up. */
async function answers({ simulator }: Scene, count: number): Promise<object> {
  const { isComplete } = await simulator.client.waitForReplies({ count, timeoutMs: 60_000 })
  const { lost, duplicated, reordered } = judge(await simulator.client.history(), [])
  return { isComplete, replies: new Set(await repliesOf(simulator)), lost, duplicated, reordered }
}

const ALL_AT_FIRST = {
  isComplete: true,
  replies: new Set(['{"text":"attempt 1"}']),
  lost: 0,
  duplicated: 0,
  reordered: 0,
}

it('one bot with the options as they are asks for forty chats at once', async () => {
  const scene = await open(1, {})
  await scene.say(0, 40)
  await scene.model.waiting(40)
  scene.model.answer()
  expect(await answers(scene, 40)).toEqual(ALL_AT_FIRST)
})

it('ten bots ask for five hundred chats at once', async () => {
  const scene = await open(10, UNLIMITED)
  for (const bot of scene.apps.keys()) await scene.say(bot, 50)
  await scene.model.waiting(500)
  scene.model.answer()
  expect(await answers(scene, 500)).toEqual(ALL_AT_FIRST)
})

it('two bots take all the room there is, and a third one begins at once', async () => {
  const scene = await open(3, { ...UNLIMITED, concurrency: 40 })
  await scene.say(0, 30)
  await scene.say(1, 30)
  // All but what is kept for a bot without a run.
  await scene.model.waiting(39)
  await scene.say(2, 1, 'quick')
  await scene.simulator.client.waitForReplies({ count: 1, timeoutMs: 30_000 })
  expect(await repliesOf(scene.simulator)).toEqual(['{"text":"attempt 1"}'])
})

it('fifteen hundred messages of one chat do not keep five hundred others waiting', async () => {
  const scene = await open(2, UNLIMITED)
  let received = 0
  const { promise: stored, resolve: done } = deferred()
  scene.supervisor.on('message', ({ stage }) => stage === 'received' && ++received === FLOOD && done())
  const [{ appId } = { appId: '' }] = scene.apps
  await scene.simulator.client.startTraffic({
    chats: [{ appId, chatId: 'oc_flooded' }],
    count: FLOOD,
    perSecond: 2_000,
    textPrefix: 'slow',
  })
  await stored
  await scene.say(0, 250, 'quick')
  await scene.say(1, 250, 'quick')
  const { isComplete } = await scene.simulator.client.waitForReplies({ count: 500, timeoutMs: 60_000 })
  expect(isComplete).toBe(true)
  expect((await scene.supervisor.status()).inbox.depth).toBeGreaterThanOrEqual(FLOOD)
})

const FLOOD = 1_500

describe('one of a hundred that wait ends its thread', () => {
  it.each([
    ['exit', 'retry'],
    ['laterThrows', 'handled'],
    ['spins', 'begun again'],
    ['grows', 'retry'],
  ] as const)('%s: the others are answered with their first attempt', async (deed, stage) => {
    const scene = await open(2, { threads: 2, handlerHangMs: 1_000, maxAttempts: 5, backoff: { firstMs: 60_000 } })
    await scene.say(0, 100)
    await scene.model.waiting(100)
    // Alone in a thread, one that spins has until its own time limit: the sign is that the others begin again.
    const over =
      stage === 'begun again'
        ? scene.model.waiting(101)
        : eventOf(scene.supervisor, 'message', (event) => event.stage === stage)
    await scene.say(1, 1, deed)
    await over
    scene.model.answer()
    expect(await answers(scene, stage === 'handled' ? 101 : 100)).toMatchObject({
      ...ALL_AT_FIRST,
      lost: expect.any(Number),
    })
  })
})

const GRACE_MS = 6_000

it('a stop with five hundred runs in flight is over within its grace, and gives all back uncounted', async () => {
  const scene = await open(10, UNLIMITED)
  for (const bot of scene.apps.keys()) await scene.say(bot, 50)
  await scene.model.waiting(500)
  const startedAt = performance.now()
  await scene.supervisor.stop(GRACE_MS)
  expect(performance.now() - startedAt).toBeLessThan(GRACE_MS)
  await scene.supervisor.start()
  scene.model.answer()
  expect(await answers(scene, 500)).toEqual(ALL_AT_FIRST)
})
