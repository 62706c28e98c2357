import { resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { FeishuSupervisor } from '../../src/app/feishu-supervisor.ts'
import { packagePaths } from '../../src/app/package-paths.ts'
import { resolveOptions } from '../../src/options/options.ts'
import type { BotStatus } from '../../src/protocol/model/status.ts'
import { checkHistory } from '../../src/simulator/history/check-history.ts'
import { Recorder } from '../support/recorder.ts'
import { ADA, addConnected, BEN, Cleanups, FAST } from '../support/system.ts'
import { entriesOf, FAST_REPLIES, openSimulator, Stage } from './support.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

const CLEAN = { lost: 0, duplicated: 0, reordered: 0 }

describe.each(['thread', 'process'] as const)('a bot worker in a %s', { timeout: 60_000 }, (isolation) => {
  it('that computes for ever is replaced, the other bot does not notice, nothing is lost (W2)', async () => {
    const simulator = await openSimulator(cleanups)
    const options = resolveOptions({
      dataDir: await cleanups.dataDir(),
      ...FAST,
      messages: FAST_REPLIES,
      supervision: { ...FAST.supervision, heartbeatMs: 100, hangAfterMs: 1_000 },
    }).thread
    const paths = { ...packagePaths(), botWorker: resolve('test/fixtures/bots/spins-once.cjs') }
    const supervisor = new FeishuSupervisor(options, { paths })
    cleanups.add(() => supervisor.stop(1_000))
    const statuses = new Recorder<BotStatus>()
    supervisor.on('bot', statuses.add)
    await supervisor.start()
    const { id: ada } = await supervisor.addBot({ ...ADA, domain: simulator.url, isolation, useWebSocket: true })
    await addConnected(supervisor, BEN, simulator.url)
    await statuses.until(() => statuses.items.some((s) => s.botId === ada && s.connection.state === 'connected'))

    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_a', text: 'spin' })
    await simulator.client.startTraffic({ chats: [{ appId: BEN.appId, chatId: 'oc_b' }], count: 60, perSecond: 40 })
    await statuses.until(
      () => statuses.items.some((s) => s.botId === ada && s.child.lastExit?.reason === 'hung'),
      30_000,
    )
    await simulator.client.waitForReplies({ count: 61, timeoutMs: 30_000 })
    expect(checkHistory(await simulator.client.history())).toMatchObject({ sent: 61, replied: 61, ...CLEAN })
    const { bots } = await supervisor.status()
    expect(bots.map(({ name, child }) => ({ name, restarts: child.restartCount }))).toEqual([
      { name: ADA.name, restarts: 1 },
      { name: BEN.name, restarts: 0 },
    ])
  })
})

describe('a handler', { timeout: 60_000 }, () => {
  it('that computes for ever over 3 of 100 messages costs those three, the others are answered once and in order (W3)', async () => {
    const stage = await Stage.open(cleanups, {
      handler: resolve('test/fixtures/handlers/loops.mjs'),
      messages: { threads: 2, handlerTimeoutMs: 500, maxAttempts: 2, backoff: { firstMs: 20, maxMs: 50 } },
    })
    const dead = new Recorder<string>()
    stage.supervisor.on('message', (event) => {
      if (event.stage === 'dead') dead.add(event.reason)
    })
    for (const chatId of ['oc_x', 'oc_y', 'oc_z']) await stage.say('loop', chatId)
    await stage.flood('fine', 97, 200)
    await dead.until(() => dead.items.length === 3, 25_000)
    await stage.simulator.client.waitForReplies({ count: 97, timeoutMs: 20_000 })
    const history = await stage.simulator.client.history()
    expect(checkHistory(history)).toMatchObject({ sent: 100, replied: 97, duplicated: 0, reordered: 0 })
    expect((await stage.supervisor.status()).pool).toEqual({ threads: 2, busy: 0, queued: 0, stuck: 0 })
  })
})

describe('a bot that has a process of its own', { timeout: 60_000 }, () => {
  it('gets a new one when the supervisor thread dies, and the old one leaves', async () => {
    const simulator = await openSimulator(cleanups)
    const supervisor = cleanups.supervisor({ dataDir: await cleanups.dataDir(), messages: FAST_REPLIES })
    await supervisor.start()
    await addConnected(supervisor, { ...ADA, isolation: 'process' }, simulator.url)
    supervisor.killSupervisor()
    const closed = new Recorder<string>()
    const unfollow = simulator.client.follow(({ kind }) => closed.add(kind))
    await closed.until(() => closed.items.filter((kind) => kind === 'connection_ready').length === 2, 20_000)
    await closed.until(() => closed.items.includes('connection_closed'), 20_000)
    unfollow()
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'still there?' })
    await simulator.client.waitForReplies({ count: 1, timeoutMs: 20_000 })
    const history = await simulator.client.history()
    expect(entriesOf(history, 'connection_ready').length - entriesOf(history, 'connection_closed').length).toBe(1)
    expect((await supervisor.listBots())[0]).toMatchObject({ isolation: 'process' })
  })
})
