import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/time/clock.ts'
import { classifyExit, exitError, type ObservedExit } from '../../src/core/lifecycle/exit-reason.ts'
import { resolveOptions } from '../../src/options/options.ts'
import type { Isolation } from '../../src/protocol/model/bot-settings.ts'
import type { BotSignal } from '../../src/protocol/signal.ts'
import { processIsolation } from '../../src/supervisor/isolation/process-isolation.ts'
import { botSpawner } from '../../src/supervisor/spawn.ts'
import { threadIsolation } from '../../src/supervisor/isolation/thread-isolation.ts'
import { Recorder } from '../support/recorder.ts'
import { closeLater } from '../support/simulator.ts'

const BOT_PROCESS = resolve('dist/workers/bot-process.cjs')

const { connection } = resolveOptions().thread

function fixture(name: string): string {
  return resolve('test/fixtures/bots', name)
}

function carry(
  isolation: Isolation,
  appSecret: string,
  more: { entry?: string; domain?: string; memoryMb?: number } = {},
) {
  const { entry = fixture('ready.cjs'), domain = 'http://127.0.0.1:1', memoryMb = 64 } = more
  const limits = { heartbeatMs: 20, memoryMb }
  const signals = new Recorder<BotSignal>()
  const prints = new Recorder<string>()
  const exits = new Recorder<ObservedExit>()
  const spawnBot = botSpawner(
    { thread: threadIsolation(entry, limits), process: processIsolation(BOT_PROCESS, entry, limits) },
    systemClock,
  )
  const bot = {
    botId: 'a',
    appId: 'cli_00000000000000a1',
    appSecret,
    domain,
    connection,
    isolation,
    isIdentified: true,
  }
  const thread = spawnBot(bot, 7, { signal: signals.add, printed: prints.add, exited: exits.add, misbehaved: () => {} })
  closeLater(async () => {
    thread.terminate()
    await exits.until(() => exits.items.length > 0)
  })
  const ready = async (): Promise<void> => {
    await signals.next(({ kind }) => kind === 'ready')
    // What was ordered may end the worker before its answer is out.
    await thread.control.call('connect', 5_000, (remote) => remote.connect()).catch(() => {})
  }
  return { thread, ready, signals, prints, exits }
}

describe.each<Isolation>(['thread', 'process'])('a bot worker in a %s of its own', (isolation) => {
  it('speaks over its wires in order, knows its incarnation and nothing of the host', async () => {
    const { thread, ready, signals } = carry(isolation, 'none')
    const frames = new Recorder<{ n: number; bytes: Uint8Array }>()
    thread.dataPort.on('message', frames.add)
    await ready()
    for (let n = 0; n < 500; n += 1) thread.dataPort.postMessage({ n, bytes: new Uint8Array([n % 256]) })
    await frames.until(() => frames.items.length === 500)
    expect(frames.items.map(({ n }) => n)).toEqual([...frames.items.keys()])
    expect(frames.items[9]?.bytes).toEqual(new Uint8Array([9]))
    const told = signals.items.find(({ kind }) => kind === 'log')
    expect(told).toMatchObject({ incarnation: 7 })
    const known = JSON.parse(told?.kind === 'log' ? told.record.message : '{}') as { env: object; execArgv: string[] }
    expect(known).toMatchObject({ env: {}, execArgv: [] })
  })

  it.each([
    ['exit 0', 'normal', 0, undefined],
    ['exit 3', 'crashed', 3, undefined],
    ['throw an error', 'crashed', 1, 'thrown on purpose'],
    ['throw null', 'crashed', 1, 'null'],
    ['reject undefined', 'crashed', 1, 'undefined'],
  ])('ends by "%s" with the reason %s', async (order, reason, exitCode, text) => {
    const { ready, exits } = carry(isolation, order)
    await ready()
    const exit = await exits.next()
    expect(classifyExit(exit, true)).toBe(reason)
    expect(exit.exitCode).toBe(exitCode)
    expect(exitError(exit)?.message ?? '').toContain(text ?? '')
  })

  it('is heard to the end: what it said before it left comes before its end', async () => {
    const { ready, signals, exits } = carry(isolation, 'say much and exit')
    await ready()
    await exits.next()
    expect(signals.items.filter((signal) => signal.kind === 'log' && signal.record.at > 0)).toHaveLength(999)
  })

  it('cannot start', async () => {
    const { exits } = carry(isolation, 'none', { entry: fixture('throws-at-import.cjs') })
    const exit = await exits.next()
    expect(classifyExit(exit, false)).toBe('start_failed')
    expect(exitError(exit)?.message).toContain('broken at import')
  })

  it('shows its pulse: a loop that turns beats, one that computes for ever does not', async () => {
    const healthy = carry(isolation, 'none')
    await healthy.ready()
    const spinning = carry(isolation, 'spin')
    await spinning.ready()
    expect(healthy.thread.pulse().memoryMb).toBeLessThan(60)
    const [first, last] = [healthy, spinning].map(({ thread }) => thread.pulse().beats)
    // Beats of both are looked at when the healthy one has had five more.
    await new Promise<void>((done) => {
      const timer = setInterval(() => {
        if (healthy.thread.pulse().beats < (first ?? 0) + 5) return
        clearInterval(timer)
        done()
      }, 20)
    })
    expect(spinning.thread.pulse().beats - (last ?? 0)).toBeLessThan(3)
  })

  it('leaves by itself above its memory budget', async () => {
    const { signals, exits } = carry(isolation, 'Map', { entry: fixture('leaks.cjs'), memoryMb: 48 })
    await signals.next(({ kind }) => kind === 'ready')
    const exit = await exits.next()
    expect(classifyExit(exit, true)).toBe('out_of_memory')
    expect(exitError(exit)?.message).toContain('48 MB are allowed')
  })

  it.each(['none', 'spin'])('is ended whatever it does (%s), and calls to it are rejected (W7)', async (order) => {
    const { thread, ready, exits } = carry(isolation, order)
    await ready()
    const calls = Array.from({ length: 50 }, () =>
      thread.control.call('drain', 60_000, (remote) => remote.drain(60_000)).catch((value: unknown) => value),
    )
    thread.terminate()
    await exits.next()
    const endedAt = Date.now()
    for (const call of calls) expect(await call).toMatchObject({ code: 'WORKER_UNREACHABLE' })
    expect(Date.now() - endedAt).toBeLessThan(100)
  })

  it('leaves no port behind (W7)', async () => {
    const ports = () => process.getActiveResourcesInfo().filter((kind) => kind === 'MessagePort').length
    const before = ports()
    for (let n = 0; n < 6; n += 1) {
      const { thread, ready, exits } = carry(isolation, 'none')
      thread.dataPort.on('message', () => {})
      await ready()
      thread.terminate()
      await exits.next()
    }
    // The ports of the last one, or of the test before, may still be closing.
    expect(ports()).toBeLessThan(before + 6)
  })

  it('is read when it prints', async () => {
    const { ready, prints } = carry(isolation, 'print')
    await ready()
    expect(await prints.next()).toContain('printed on purpose')
  })
})

describe('a process of its own', () => {
  it('keeps to itself that V8 ends whatever grows too fast for the budget to be seen', async () => {
    const { ready, exits } = carry('process', 'outgrow V8', { memoryMb: 32 })
    await ready()
    expect(classifyExit(await exits.next(), true)).toBe('out_of_memory')
  })

  it('can be ended even while it sits in native code', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'isolation-'))
    closeLater(() => rm(folder, { recursive: true }))
    const fifo = join(folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    const { thread, ready, exits } = carry('process', 'block in native code', { domain: fifo })
    await ready()
    thread.terminate()
    expect(await exits.next()).toMatchObject({ exitCode: 137 })
    await writeFile(fifo, '', { flag: constants.O_RDWR })
  })

  it('that cannot be made is an end like any other', async () => {
    const limits = { heartbeatMs: 20, memoryMb: 64 }
    const exits = new Recorder<ObservedExit>()
    const bot = { botId: 'a', appId: 'x', appSecret: 'x', domain: 'x', connection, isIdentified: true }
    processIsolation(fixture('no-such-file.cjs'), fixture('ready.cjs'), limits)(bot, 1, {
      signal: () => {},
      printed: () => {},
      exited: exits.add,
    })
    expect(classifyExit(await exits.next(), false)).toBe('start_failed')
  })

  it.each(['process', 'thread'])('leaves, even while it computes, when the %s that owns it is gone', async (owner) => {
    const server = createServer().listen(0, '127.0.0.1')
    closeLater(() => new Promise((done) => server.close(done)))
    await once(server, 'listening')
    const orders = ['dial and spin', String((server.address() as AddressInfo).port)]
    const dialled = once(server, 'connection') as Promise<[Socket]>
    let end: () => void
    if (owner === 'thread') {
      const worker = new Worker(fixture('owner.mjs'), { workerData: orders })
      end = () => void worker.terminate()
    } else {
      const child = spawn(process.execPath, [fixture('owner.mjs'), ...orders], { stdio: 'ignore' })
      end = () => void child.kill('SIGKILL')
    }
    const [socket] = await dialled
    socket.resume().on('error', () => {})
    const closed = once(socket, 'close')
    end()
    await closed
    expect(socket.destroyed).toBe(true)
  })
})
