import { execFileSync } from 'node:child_process'
import { constants } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { FeishuSupervisor } from '../../src/app/feishu-supervisor.ts'
import { packagePaths } from '../../src/app/package-paths.ts'
import { resolveOptions } from '../../src/options/options.ts'
import type { Isolation } from '../../src/protocol/model/bot-settings.ts'
import type { Alert } from '../../src/protocol/model/events.ts'
import type { BotReport } from '../../src/protocol/model/status.ts'
import { Recorder } from '../support/recorder.ts'
import { ADA, addConnected, API_TOKEN, BEN, Cleanups, FAST, getJson } from '../support/system.ts'
import { FAST_REPLIES, openSimulator, Stage } from './support.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

/** Opening it to read sits in native code until `release`, which happens at the end of the test in any case. */
async function openFifo() {
  const path = join(await cleanups.folder(), 'fifo')
  execFileSync('mkfifo', [path])
  // Opened to read and write a FIFO never blocks: whoever waits at its other end goes on.
  const release = (): Promise<void> => writeFile(path, '', { flag: constants.O_RDWR })
  cleanups.add(release)
  return { path, release }
}

/** A bot worker as it is built, whose first workers sit in native code: the first one when its event is committed, the next when it has connected. */
async function blockingWorker(fifo: string, count: number): Promise<string> {
  const path = join(await cleanups.folder(), 'blocks.cjs')
  await writeFile(
    path,
    `const { openSync } = require('node:fs')
     const { workerData: { appId, dataPort, incarnation } } = require('node:worker_threads')
     const block = () => openSync(${JSON.stringify(fifo)}, 'r')
     if (appId === ${JSON.stringify(ADA.appId)} && incarnation <= ${count}) {
       if (incarnation === 1) dataPort.on('message', ({ kind }) => kind === 'accepted' && block())
       else setTimeout(block, 1_000)
     }
     module.exports = require(${JSON.stringify(packagePaths().botWorker)})`,
  )
  return path
}

async function openBots(count: number, isolation: Isolation) {
  const fifo = await openFifo()
  const simulator = await openSimulator(cleanups)
  const { thread, ...setup } = resolveOptions({
    dataDir: await cleanups.dataDir(),
    apiToken: API_TOKEN,
    ...FAST,
    messages: FAST_REPLIES,
    supervision: { ...FAST.supervision, heartbeatMs: 100, hangAfterMs: 1_000 },
  })
  const paths = { ...packagePaths(), botWorker: await blockingWorker(fifo.path, count) }
  const supervisor = new FeishuSupervisor(thread, { ...setup, paths })
  cleanups.add(() => supervisor.stop(500))
  // The last that is undone is the first: a supervisor thread ends when the threads that it started have ended.
  cleanups.add(fifo.release)
  const reports = new Recorder<BotReport>()
  const alerts = new Recorder<Alert>()
  supervisor.on('bot', reports.add)
  supervisor.on('alert', alerts.add)
  await supervisor.start()
  const ada = await addConnected(supervisor, { ...ADA, isolation }, simulator.url)
  await addConnected(supervisor, BEN, simulator.url)
  const report = (isWanted: (report: BotReport) => boolean) =>
    reports.next((item) => item.botId === ada && isWanted(item), 30_000)
  return { ...fifo, simulator, supervisor, alerts, ada, report }
}

const isBack = ({ child, connection }: BotReport): boolean => child.incarnation > 1 && connection.state === 'connected'

describe('a bot worker that sits in native code', { timeout: 90_000 }, () => {
  it('is shown, told, given up and replaced; its message is answered, the other bot does not notice', async () => {
    const { simulator, supervisor, alerts, ada, report, release } = await openBots(1, 'thread')
    const saidAt = Date.now()
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_a', text: 'block' })
    await simulator.client.startTraffic({ chats: [{ appId: BEN.appId, chatId: 'oc_b' }], count: 60, perSecond: 20 })
    const hung = await report(({ child }) => child.hungSince !== undefined)
    expect(hung.child.hungSince).toBeGreaterThanOrEqual(saidAt)
    expect(hung).toMatchObject({ child: { state: 'running' }, connection: { state: 'idle' } })
    expect(await getJson(supervisor, `/api/feishu/bots/${ada}/ws/status`)).toMatchObject({
      body: { state: 'error', error: expect.stringContaining('the worker hangs since') },
    })
    expect(await alerts.next()).toMatchObject({
      kind: 'worker_stuck',
      state: 'raised',
      botId: ada,
      cause: `a worker of the bot sits in native code since ${new Date(hung.child.hungSince ?? 0).toISOString()} and cannot be ended`,
      nextStep: expect.stringContaining('another worker takes its place'),
    })
    expect((await report(isBack)).child).toMatchObject({
      incarnation: 2,
      stuck: { count: 1, since: hung.child.hungSince },
      lastExit: { reason: 'hung', error: { message: expect.stringContaining('given up') } },
    })
    const { isComplete } = await simulator.client.waitForReplies({ count: 61, timeoutMs: 30_000 })
    expect(isComplete).toBe(true)
    const { bots } = await supervisor.status()
    expect(bots.find(({ name }) => name === BEN.name)?.child).toMatchObject({ restartCount: 0, incarnation: 1 })
    await release()
    expect(await alerts.next()).toMatchObject({ kind: 'worker_stuck', state: 'cleared', botId: ada })
    expect((await supervisor.status()).bots[0]?.child).not.toHaveProperty('stuck')
  })

  it('gets no third worker as a thread: an order says so, a process of its own brings it back, and a stop is over in time', async () => {
    const { simulator, supervisor, alerts, ada, report } = await openBots(2, 'thread')
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_a', text: 'block' })
    const parked = await report(({ child }) => child.state === 'failed')
    expect(parked.child).toMatchObject({ stuck: { count: 2 }, nextStep: expect.stringContaining('2 earlier threads') })
    await alerts.until(() => alerts.items.filter(({ kind }) => kind === 'worker_stuck').length === 2)
    expect(alerts.items.at(-1)).toMatchObject({
      state: 'raised',
      cause: expect.stringContaining('2 workers of the bot sit in native code'),
      nextStep: expect.stringContaining('gets no further worker'),
    })
    await expect(supervisor.restartBot(ada)).rejects.toMatchObject({
      code: 'WORKER_STUCK',
      message: expect.stringContaining("isolation 'process'"),
    })
    await supervisor.updateBot(ada, { isolation: 'process' })
    expect((await report(isBack)).child).toMatchObject({ incarnation: 3, stuck: { count: 2 } })
    const startedAt = Date.now()
    await supervisor.stop(500)
    expect(Date.now() - startedAt).toBeLessThan(500 + 2_000 + 3_000)
  })

  it('is killed and replaced where it is a process', async () => {
    const { simulator, supervisor, alerts, report } = await openBots(1, 'process')
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_a', text: 'block' })
    const back = await report(isBack)
    expect(back.child).toMatchObject({ incarnation: 2, lastExit: { reason: 'hung', exitCode: 137 } })
    expect(back.child).not.toHaveProperty('stuck')
    expect((await simulator.client.waitForReplies({ count: 1, timeoutMs: 30_000 })).isComplete).toBe(true)
    expect(alerts.items).toEqual([])
    expect((await supervisor.status()).bots).toHaveLength(2)
  })
})

describe('handlers that sit in native code', { timeout: 90_000 }, () => {
  it('cost their bot its threads and their messages their attempts; the other bot is answered; the alert says what is true, and when it got worse', async () => {
    const { path, release } = await openFifo()
    const stage = await Stage.open(cleanups, {
      handler: resolve('test/fixtures/handlers/shares.mjs'),
      health: { everyMs: 50 },
      messages: {
        threads: 2,
        handlerHangMs: 500,
        handlerTimeoutMs: 2_000,
        maxAttempts: 5,
        backoff: { firstMs: 100, maxMs: 200 },
      },
    })
    cleanups.add(release)
    const { supervisor, simulator, botId } = stage
    const alerts = new Recorder<Alert>()
    const dead = new Recorder<string>()
    const handled = new Recorder<string>()
    supervisor.on('alert', alerts.add)
    supervisor.on('message', (event) => {
      if (event.stage === 'dead') dead.add(event.reason)
      if (event.stage === 'handled') handled.add(event.botId)
    })
    await addConnected(supervisor, BEN, simulator.url)
    await stage.say(`native ${path}`, 'oc_x')
    const chats = ['oc_1', 'oc_2', 'oc_3'].map((chatId) => ({ appId: BEN.appId, chatId }))
    await simulator.client.startTraffic({ chats, count: 100, perSecond: 20, textPrefix: 'wait 20' })
    expect(await alerts.next()).toMatchObject({
      kind: 'handler_stuck',
      state: 'raised',
      cause: `handlers sit in native code and keep 1 chat thread (${ADA.name} 1)`,
    })
    await stage.say(`native ${path}`, 'oc_y')
    expect((await alerts.next()).cause).toMatch(
      /keep [23] chat threads \(Ada [23]\); it gets no further thread and its messages fail until one ends: Ada$/,
    )
    await dead.until(() => dead.items.length === 2, 30_000)
    const { items: letters } = await supervisor.listDeadLetters()
    expect(letters.map(({ botId: of, error }) => ({ of, error }))).toEqual(
      Array.from({ length: 2 }, () => ({
        of: botId,
        error: expect.objectContaining({
          code: 'POOL_THREAD_DIED',
          message: expect.stringContaining('sit in native code'),
        }),
      })),
    )
    const { pool } = await supervisor.status()
    expect(pool).toMatchObject({ threads: 2, stuckBots: [{ botId, isUsedUp: true }] })
    expect(pool.stuck).toBeLessThanOrEqual(3)
    expect((await simulator.client.waitForReplies({ count: 100, timeoutMs: 30_000 })).isComplete).toBe(true)
    await release()
    const cleared = await alerts.next(({ state }) => state === 'cleared')
    expect(cleared).toMatchObject({ kind: 'handler_stuck', nextStep: 'nothing: the problem has ended' })
    const { length: before } = handled.items
    await stage.say('wait 1', 'oc_z')
    await handled.until(() => handled.items.slice(before).includes(botId))
    expect((await supervisor.status()).pool).toMatchObject({ stuck: 0 })
  })
})
