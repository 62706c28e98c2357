import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/core/time/clock.ts'
import { resolveOptions } from '../../src/options/options.ts'
import type { DataUp } from '../../src/protocol/data.ts'
import type { ResolvedSupervisionOptions } from '../../src/protocol/options/supervision-options.ts'
import type { BotStatus } from '../../src/protocol/model/status.ts'
import { botSpawner, type BotThread, type SpawnBot } from '../../src/supervisor/spawn.ts'
import { processIsolation } from '../../src/supervisor/isolation/process-isolation.ts'
import { threadIsolation } from '../../src/supervisor/isolation/thread-isolation.ts'
import { Supervisor } from '../../src/supervisor/supervisor.ts'
import { entryOf } from '../../src/simulator/history/history.ts'
import { Recorder } from '../support/recorder.ts'
import { closeLater, newApp, SOON_MS, startSimulator } from '../support/simulator.ts'

const BOT_WORKER = resolve('dist/workers/bot.cjs')

const { thread: options } = resolveOptions({
  supervision: {
    limit: { intensity: 2 },
    backoff: { firstMs: 10, maxMs: 50 },
    startTimeoutMs: 10_000,
  },
  connection: { backoff: { firstMs: 10, maxMs: 50 } },
})

const SHARP = { heartbeatMs: 50, hangAfterMs: 1_000 }

interface Overrides {
  readonly supervision?: Partial<ResolvedSupervisionOptions>
  readonly clock?: Clock
  readonly spawn?: SpawnBot
}

function isolations(entry: string, limits: ResolvedSupervisionOptions) {
  return {
    thread: threadIsolation(entry, limits),
    process: processIsolation(resolve('dist/workers/bot-process.cjs'), entry, limits),
  }
}

/** A real supervisor of real threads, with everything it tells. */
function supervise(entry: string, overrides: Overrides = {}) {
  const { clock = systemClock } = overrides
  const supervision = { ...options.supervision, ...overrides.supervision }
  const statuses = new Recorder<BotStatus>()
  const logs = new Recorder<{ scope: string; message: string }>()
  const frames = new Recorder<DataUp & { botId: string }>()
  const threads = new Map<string, BotThread>()
  const supervisor = new Supervisor({
    spawn: overrides.spawn ?? botSpawner(isolations(entry, supervision), clock),
    policy: supervision,
    clock,
    random: () => 0.5,
    spawned(botId, thread) {
      threads.set(botId, thread)
      thread.dataPort.on('message', (frame: DataUp) => frames.add({ ...frame, botId }))
    },
    gone: (botId) => threads.delete(botId),
    changed: statuses.add,
    log: logs.add,
    identified: () => {},
  })
  closeLater(() => supervisor.stop(5_000))
  const start = (botId: string, more: { appId?: string; appSecret?: string; domain?: string } = {}) =>
    supervisor.start({
      botId,
      name: botId,
      appId: newApp().appId,
      appSecret: 'none',
      domain: 'http://127.0.0.1:1',
      connection: options.connection,
      isolation: 'thread',
      isIdentified: true,
      ...more,
    })
  const until = (botId: string, matches: (status: BotStatus) => boolean) =>
    statuses.next((status) => status.botId === botId && matches(status), 20_000)
  const statusOf = (botId: string) => supervisor.statuses.find((status) => status.botId === botId)
  return { supervisor, start, until, statusOf, statuses, logs, frames, threads }
}

const isConnected = ({ connection }: BotStatus): boolean => connection.state === 'connected'

async function twoConnectedBots() {
  const { simulator, url, app } = await startSimulator()
  const other = newApp()
  simulator.addApp(other)
  const supervised = supervise(BOT_WORKER)
  supervised.start('a', { ...app, domain: url })
  await supervised.until('a', isConnected)
  supervised.start('b', { ...other, domain: url })
  await supervised.until('b', isConnected)
  return { ...supervised, simulator, app, other }
}

describe('bot workers as they are built', () => {
  it('say that they are ready, connect and deliver events', async () => {
    const { simulator, app, frames, statusOf, threads } = await twoConnectedBots()
    expect(statusOf('a')).toMatchObject({ child: { state: 'running', incarnation: 1 }, connection: { attempt: 0 } })
    await simulator.once(
      entryOf('connection_ready', ({ appId }) => appId === app.appId),
      SOON_MS,
    )
    const { messageId } = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    const frame = await frames.next(({ kind }) => kind === 'deliver')
    expect(frame).toMatchObject({ botId: 'a', incarnation: 1, event: { dedupeKey: `m:${messageId}` } })
    // A frame of another incarnation changes nothing; the right one is acknowledged.
    threads.get('a')?.dataPort.postMessage({ kind: 'refused', incarnation: 0, id: frame.id, error: {} })
    threads.get('a')?.dataPort.postMessage({ kind: 'accepted', incarnation: 1, id: frame.id })
    expect(await simulator.once(entryOf('acked'), SOON_MS)).toMatchObject({ code: 200 })
  })

  it('come back with a higher incarnation when they are killed, and leave their siblings alone', async () => {
    const { supervisor, until, statusOf, statuses } = await twoConnectedBots()
    const before = statuses.items.length
    supervisor.kill('a')
    expect(await until('a', ({ child }) => child.state === 'restarting')).toMatchObject({
      child: { lastExit: { reason: 'killed', exitCode: 1 }, restartCount: 1 },
      connection: { state: 'idle' },
    })
    expect(await until('a', isConnected)).toMatchObject({ child: { incarnation: 2 } })
    expect(statusOf('b')).toMatchObject({
      child: { incarnation: 1, restartCount: 0 },
      connection: { state: 'connected' },
    })
    const ofB = statuses.items.slice(before).filter(({ botId }) => botId === 'b')
    expect(ofB.every(({ child, connection }) => child.state === 'running' && connection.state === 'connected')).toBe(
      true,
    )
  })

  it('reconnect by themselves when the platform closes the connection', async () => {
    const { simulator, app, until } = await twoConnectedBots()
    simulator.closeConnections(app.appId, { mode: 'reset' })
    const down = await until('a', ({ connection }) => connection.state === 'reconnecting')
    expect(down.connection).toMatchObject({ attempt: 1, trouble: { kind: 'network', code: 'ECLOSED' } })
    expect(await until('a', isConnected)).toMatchObject({ child: { incarnation: 1 } })
  })

  it('are replaced by an operator, and their old connection is closed', async () => {
    const { supervisor, simulator, app, until, statusOf } = await twoConnectedBots()
    expect(await supervisor.restart('a')).toBe(true)
    const again = await until('a', (status) => isConnected(status) && status.child.incarnation === 2)
    expect(again.child).toMatchObject({ restartCount: 0, lastExit: { reason: 'shutdown' } })
    expect(statusOf('b')?.child.incarnation).toBe(1)
    const ofA = () =>
      simulator.history.entries
        .filter((entry) => 'appId' in entry && entry.appId === app.appId)
        .map(({ kind }) => kind)
        .filter((kind) => kind === 'connection_ready' || kind === 'connection_closed')
    await simulator.once(() => ofA().length === 3, SOON_MS)
    expect(ofA().toSorted()).toEqual(['connection_closed', 'connection_ready', 'connection_ready'])
    expect(await supervisor.restart('nobody')).toBe(false)
  })

  it('close their connections when drained, and end when stopped', async () => {
    const { supervisor, simulator, statusOf } = await twoConnectedBots()
    await supervisor.drain(5_000)
    await simulator.once(
      () => simulator.history.entries.filter(({ kind }) => kind === 'connection_closed').length === 2,
      SOON_MS,
    )
    await supervisor.stop(5_000)
    for (const botId of ['a', 'b']) {
      expect(statusOf(botId)).toMatchObject({ child: { state: 'stopped', lastExit: { reason: 'shutdown' } } })
    }
    supervisor.start({ ...spec('a'), appId: newApp().appId })
    expect(statusOf('a')).toMatchObject({ child: { state: 'starting', incarnation: 2 } })
  })
})

function spec(botId: string) {
  const identity = { botId, name: botId, appId: newApp().appId, appSecret: 'none', domain: 'http://127.0.0.1:1' }
  return { ...identity, connection: options.connection, isolation: 'thread', isIdentified: true } as const
}

function fixture(name: string): string {
  return resolve('test/fixtures/bots', name)
}

describe('a worker that cannot start', () => {
  it.each([
    ['throws at import', 'throws-at-import.cjs', 'broken at import'],
    ['is no JavaScript', 'broken.cjs', 'Unexpected token'],
    ['does not exist', 'no-such-file.cjs', 'Cannot find module'],
  ])('and %s is tried `intensity` times again, then parked with its reason (W1)', async (_name, file, text) => {
    const folder = await mkdtemp(join(tmpdir(), 'feishu-bot-worker-'))
    closeLater(() => rm(folder, { recursive: true, force: true }))
    await writeFile(join(folder, 'broken.cjs'), 'const { = 1')
    const { start, until, supervisor } = supervise(file === 'broken.cjs' ? join(folder, file) : fixture(file))
    start('a')
    const failed = await until('a', ({ child }) => child.state === 'failed')
    expect(failed.child).toMatchObject({
      incarnation: 3,
      restartCount: 2,
      restartsInWindow: 2,
      nextStep: expect.stringContaining('3 times'),
      lastExit: { reason: 'start_failed', exitCode: 1, error: { message: expect.stringContaining(text) } },
    })
    expect(await supervisor.restart('a')).toBe(true)
    expect(supervisor.statuses[0]?.child).toMatchObject({ state: 'starting', restartsInWindow: 0 })
  })

  it('because of what is stored of it is parked at once and says what to mend', async () => {
    const { start, until } = supervise(BOT_WORKER)
    start('a', { appId: 'not an app id' })
    const { child } = await until('a', ({ child: { state } }) => state === 'failed')
    expect(child).toMatchObject({
      incarnation: 1,
      restartCount: 0,
      nextStep: expect.stringContaining('correct them'),
      lastExit: { reason: 'rejected', error: { message: expect.stringContaining('appId: expected cli_') } },
    })
  })

  it('is released by an operator once its cause is mended (W5)', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'feishu-bot-worker-'))
    closeLater(() => rm(folder, { recursive: true, force: true }))
    const entry = join(folder, 'bot.cjs')
    await writeFile(entry, "throw new Error('not yet')")
    const { start, until, supervisor } = supervise(entry)
    start('a')
    await until('a', ({ child: { state } }) => state === 'failed')
    await writeFile(entry, `module.exports = require(${JSON.stringify(fixture('ready.cjs'))})`)
    await supervisor.restart('a')
    const { child } = await until('a', ({ child: { state } }) => state === 'running')
    expect(child).toMatchObject({ incarnation: 4, restartsInWindow: 0, lastExit: { reason: 'start_failed' } })
  })

  it.each(['never-ready.cjs', 'spins.cjs'])(
    'and only keeps running is ended at the start timeout: %s',
    async (file) => {
      const { start, until } = supervise(fixture(file), { supervision: { startTimeoutMs: 300 } })
      start('a')
      const { child } = await until('a', ({ child: { state } }) => state === 'failed')
      expect(child).toMatchObject({ incarnation: 3, lastExit: { reason: 'start_timeout', exitCode: 1 } })
    },
  )

  it('for want of a thread is tried again like any other, and nothing is thrown at the others', async () => {
    const spawn: SpawnBot = () => {
      throw new Error('no thread left')
    }
    const { start, until } = supervise('', { spawn })
    start('a')
    const { child } = await until('a', ({ child: { state } }) => state === 'failed')
    expect(child).toMatchObject({
      incarnation: 3,
      lastExit: { reason: 'start_failed', error: { message: 'no thread left' } },
    })
  })
})

describe('a worker that ends while it runs', () => {
  it.each([
    ['exit 0', 'normal', 0, undefined],
    ['exit 3', 'crashed', 3, undefined],
    ['throw an error', 'crashed', 1, 'thrown on purpose'],
    ['exit 256', 'crashed', 256, undefined],
    ['throw a symbol', 'crashed', 1, 'Symbol(thrown on purpose)'],
    ['throw a function', 'crashed', 1, 'Function'],
    ['throw null', 'crashed', 1, 'null'],
    ['reject undefined', 'crashed', 1, 'undefined'],
    ['leak', 'out_of_memory', 1, 'memory'],
  ])('by "%s" is restarted with the reason %s (W1)', async (order, reason, exitCode, text) => {
    const { start, until, statusOf } = supervise(fixture('ready.cjs'), { supervision: { memoryMb: 24 } })
    start('b')
    start('a', { appSecret: order })
    const { child } = await until('a', ({ child: { state } }) => state === 'restarting')
    expect(child.lastExit).toMatchObject({ reason, exitCode })
    expect(child.lastExit?.error?.message ?? '').toContain(text ?? '')
    expect(await until('a', ({ child: { incarnation } }) => incarnation === 2)).toMatchObject({
      child: { state: 'starting' },
    })
    expect(statusOf('b')?.child).toMatchObject({ incarnation: 1, restartCount: 0 })
  })

  it.each(['spin', 'backtrack'])('by computing without end (%s) is replaced within the limit', async (order) => {
    const { start, until, statusOf } = supervise(fixture('ready.cjs'), { supervision: SHARP })
    start('b')
    start('a', { appSecret: order })
    const { child } = await until('a', ({ child: { state } }) => state === 'restarting')
    expect(child.lastExit).toMatchObject({ reason: 'hung', exitCode: 1 })
    expect(statusOf('b')?.child).toMatchObject({ incarnation: 1, restartCount: 0 })
  })

  it.each(['objects', 'Map', 'Set', 'dictionary', 'numbers', 'Buffers'])(
    'because it leaks %s leaves by itself before V8 ends anything, and the reason is told (W4)',
    async (shape) => {
      const { start, until, statusOf } = supervise(fixture('leaks.cjs'), { supervision: { memoryMb: 48 } })
      start('b')
      start('a', { appSecret: shape })
      const { child } = await until('a', ({ child: { state } }) => state === 'restarting')
      expect(child.lastExit).toMatchObject({
        reason: 'out_of_memory',
        error: { message: expect.stringContaining('48 MB are allowed') },
      })
      expect(statusOf('b')?.child).toMatchObject({ state: 'running', incarnation: 1 })
    },
  )

  it('is told from one that had no chance to run: a busy machine blames nobody', async () => {
    const { start, until, statusOf } = supervise(BOT_WORKER, { supervision: SHARP })
    start('a')
    await until('a', ({ child }) => child.state === 'running')
    const others = [1, 2, 3, 4].map(() => new Worker('for (;;) {}', { eval: true }))
    closeLater(async () => await Promise.all(others.map((worker) => worker.terminate())))
    const until2s = Date.now() + 2_000
    while (Date.now() < until2s);
    // The same watch is sharp: a worker that spins now is found.
    const {
      supervisor,
      start: startSpinner,
      until: untilSpinner,
    } = supervise(fixture('ready.cjs'), {
      supervision: SHARP,
    })
    startSpinner('b', { appSecret: 'spin' })
    await untilSpinner('b', ({ child }) => child.lastExit?.reason === 'hung')
    expect(supervisor.statuses[0]?.child.restartCount).toBe(1)
    expect(statusOf('a')?.child).toMatchObject({ state: 'running', incarnation: 1, restartCount: 0 })
  })

  it('rejects the control call in flight and every later one', async () => {
    const { start, until, threads, supervisor } = supervise(fixture('ready.cjs'))
    start('a')
    await until('a', ({ child }) => child.state === 'running')
    const control = threads.get('a')?.control
    const call = control?.call('drain', 60_000, (remote) => remote.drain(60_000))
    const thrown = call?.catch((value: unknown) => value)
    supervisor.kill('a')
    expect(await thrown).toMatchObject({ code: 'WORKER_UNREACHABLE', retryable: true })
    const late = control?.call('drain', 60_000, (remote) => remote.drain(0))
    await expect(late).rejects.toMatchObject({ code: 'WORKER_UNREACHABLE' })
  })

  it('by its own blocking is ended all the same when stopped', async () => {
    const { start, until, supervisor, statusOf } = supervise(fixture('ready.cjs'))
    start('a', { appSecret: 'spin' })
    await until('a', ({ child }) => child.state === 'running')
    await supervisor.stop(5_000)
    expect(statusOf('a')?.child.state).toBe('stopped')
  })
})

describe('what a worker knows', () => {
  it('is its own bot and nothing of the host or of other bots', async () => {
    const { start, logs } = supervise(fixture('ready.cjs'))
    start('a', { appSecret: 'secret of a' })
    start('b', { appSecret: 'secret of b' })
    const texts = [
      await logs.next(({ scope }) => scope === 'fixture'),
      await logs.next(({ scope }) => scope === 'fixture'),
    ]
    const ofA = texts.map(({ message }) => message).find((message) => message.includes('secret of a')) ?? ''
    expect(ofA).not.toContain('secret of b')
    const known = JSON.parse(ofA) as { keys: string[]; env: object; execArgv: string[]; data: object }
    expect(known.env).toEqual({})
    expect(known.execArgv).toEqual([])
    const own = [
      'appId',
      'appSecret',
      'botId',
      'connection',
      'controlPort',
      'dataPort',
      'domain',
      'heartbeat',
      'incarnation',
      'memoryMb',
      'name',
      'isIdentified',
    ]
    for (const key of known.keys) expect(own).toContain(key)
  })

  it('reaches the log when it prints it', async () => {
    const { start, logs } = supervise(fixture('ready.cjs'))
    start('a', { appSecret: 'print' })
    expect(await logs.next(({ message }) => message === 'printed on purpose')).toMatchObject({ scope: 'bot/a' })
  })
})
