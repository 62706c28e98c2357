import { execFileSync } from 'node:child_process'
import { constants } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/time/clock.ts'
import { ChatPool } from '../../src/messages/pool/chat-pool.ts'
import type { ChatPoolOptions, CrowdedHandler } from '../../src/messages/pool/chat-pool-options.ts'
import type { ChatOutcome, HandlerRef } from '../../src/protocol/chat.ts'
import type { RunCall } from '../../src/protocol/run-channel.ts'
import { inboundMessage } from '../support/inbound-message.ts'
import { Recorder } from '../support/recorder.ts'

interface Told {
  readonly botId: string
  readonly eventId: string
  readonly call: RunCall
}

const open = new Set<ChatPool>()
const told = new Recorder<Told>()
const idle = new Recorder<unknown>()
const handler: HandlerRef = { kind: 'module', path: resolve('test/fixtures/handlers/shares.mjs') }

function openPool(more: Partial<ChatPoolOptions> = {}): ChatPool {
  const pool = new ChatPool({
    filename: resolve('dist/workers/chat.cjs'),
    threads: 2,
    threadMemoryMb: 128,
    threadMaxTasks: 100_000,
    secrets: {},
    clock: systemClock,
    onIdleDeath: idle.add,
    onStuck: () => {},
    onFreed: () => {},
    ...more,
  })
  open.add(pool)
  return pool
}

afterEach(async () => {
  for (const pool of open) await pool.close(0)
  open.clear()
})

let events = 0

interface Said {
  readonly botId?: string
  readonly eventId?: string
  readonly timeoutMs?: number
  readonly handler?: HandlerRef
  /** Uses a frame of a stream. */
  readonly use?: () => Promise<void>
}

function say(pool: ChatPool, text: string, said: Said = {}): Promise<ChatOutcome> {
  events += 1
  const { botId = 'a', eventId = `e${events}`, timeoutMs = 60_000, handler: ref = handler } = said
  const event = { ...inboundMessage, botId, eventId, text, raw: { message: { content: JSON.stringify({ text }) } } }
  const task = { kind: 'event', handler: ref, event, canReply: true, attempt: 1, timeoutMs: timeoutMs * 0.9 } as const
  return pool.run(task, timeoutMs, (call) => {
    told.add({ botId, eventId, call })
    return call.kind === 'stream' ? said.use?.() : undefined
  })
}

function textOf(outcome: ChatOutcome): string {
  if (outcome.kind !== 'handled') throw new Error(JSON.stringify(outcome))
  return outcome.replies.map(({ content }) => JSON.parse(content).text).join()
}

function codeOf(outcome: ChatOutcome): string {
  return outcome.kind === 'failed' ? outcome.error.code : outcome.kind
}

/** All threads have run something: what is measured then is not how long they take to start. */
async function warm(pool: ChatPool): Promise<void> {
  await Promise.all(Array.from({ length: 4 }, () => say(pool, 'wait 1', { botId: 'warm' })))
}

describe('one among a hundred that wait', () => {
  it.each([
    ['exit', 'POOL_THREAD_DIED'],
    ['throws', 'POOL_THREAD_DIED'],
    ['rejects', 'POOL_THREAD_DIED'],
    ['spins', 'HANDLER_TIMEOUT'],
    ['grows', 'POOL_THREAD_DIED'],
  ])('%s: it fails alone, all others are answered with their first attempt', async (deed, code) => {
    const pool = openPool({ handlerHangMs: 2_000 })
    await warm(pool)
    const startedAt = Date.now()
    const waiting = Array.from({ length: 100 }, () => say(pool, 'wait 3000'))
    const culprit = say(pool, deed, { botId: 'bad', timeoutMs: 4_000 })
    expect(pool.busy).toBe(101)
    const outcomes = await Promise.all(waiting)
    expect(Date.now() - startedAt).toBeLessThan(15_000)
    expect(outcomes.map(codeOf)).toEqual(Array.from({ length: 100 }, () => 'handled'))
    expect(new Set(outcomes.map((outcome) => textOf(outcome).split(' ')[0]))).toEqual(new Set(['1']))
    expect(codeOf(await culprit)).toBe(code)
    expect(pool.stats).toMatchObject({ busy: 0, queued: 0, stuck: 0 })
  })
})

describe('what a handler leaves behind', () => {
  it.each([
    ['laterThrows', 'too late'],
    ['laterRejects', 'too late'],
    ['laterExits', 'process.exit(4)'],
    ['laterSpins', 'kept its event loop from turning'],
  ])('%s: it is told with its bot and event, and who is in the thread is answered (B1)', async (deed, text) => {
    const pool = openPool({ threads: 1, handlerHangMs: 1_000 })
    await warm(pool)
    const other = say(pool, 'wait 1500', { botId: 'b' })
    expect(textOf(await say(pool, deed, { botId: 'a', eventId: `left ${deed}` }))).toMatch(/^1 /)
    const { botId, eventId, call } = await told.next(({ call: { kind } }) => kind === 'log')
    expect({ botId, eventId }).toEqual({ botId: 'a', eventId: `left ${deed}` })
    expect(call).toMatchObject({ level: 'error', message: expect.stringContaining(text) })
    expect(textOf(await other)).toMatch(/^1 /)
  })

  it('memory: who is in the thread is answered (B1)', async () => {
    const pool = openPool({ threads: 1 })
    await warm(pool)
    const others = [say(pool, 'wait 1500', { botId: 'b' }), say(pool, 'wait 1500', { botId: 'c' })]
    expect(textOf(await say(pool, 'laterGrows'))).toMatch(/^1 /)
    expect((await Promise.all(others)).map(codeOf)).toEqual(['handled', 'handled'])
  })
})

describe('the limit of a run', () => {
  it('one that never ends fails alone, and its thread stays', async () => {
    const pool = openPool({ threads: 1 })
    await warm(pool)
    const other = say(pool, 'wait 1500')
    expect(codeOf(await say(pool, 'never', { timeoutMs: 300 }))).toBe('HANDLER_TIMEOUT')
    expect(pool.stats).toEqual({ threads: 1, busy: 1, queued: 0, stuck: 0 })
    expect(codeOf(await other)).toBe('handled')
  })

  it('one that ends after its limit, or throws after it, changes nothing for the others', async () => {
    const pool = openPool({ threads: 1 })
    await warm(pool)
    const other = say(pool, 'wait 1500')
    const late = await Promise.all([
      say(pool, 'wait 700', { timeoutMs: 250 }),
      say(pool, 'throws', { timeoutMs: 200, eventId: 'throws late' }),
    ])
    expect(late.map(codeOf)).toEqual(['HANDLER_TIMEOUT', 'HANDLER_TIMEOUT'])
    expect(await told.next(({ eventId }) => eventId === 'throws late')).toMatchObject({ call: { kind: 'log' } })
    expect(codeOf(await other)).toBe('handled')
  })

  it('one that blocks costs no other its limit, and is answered itself', async () => {
    const pool = openPool({ threads: 1 })
    await warm(pool)
    const others = [say(pool, 'wait 600', { timeoutMs: 1_500 }), say(pool, 'wait 1400', { timeoutMs: 2_000 })]
    const blocker = say(pool, 'blocks 3000')
    expect((await Promise.all(others)).map(codeOf)).toEqual(['handled', 'handled'])
    expect(codeOf(await blocker)).toBe('handled')
  })

  it('several that keep the loop from turning by turns do not keep it for ever', async () => {
    const pool = openPool({ threads: 1, handlerHangMs: 400 })
    await warm(pool)
    const other = say(pool, 'wait 600', { timeoutMs: 20_000 })
    for (let n = 0; n < 2; n += 1) void say(pool, 'starves')
    expect(textOf(await other)).toMatch(/^1 /)
  })

  it('several that leak wear their thread out: it is renewed, and the others end in it', async () => {
    const pool = openPool({ threads: 1 })
    await warm(pool)
    const other = say(pool, 'wait 1500')
    const leaks = Array.from({ length: 4 }, () => say(pool, 'never', { timeoutMs: 300 }))
    expect((await Promise.all(leaks)).map(codeOf)).toEqual(Array.from({ length: 4 }, () => 'HANDLER_TIMEOUT'))
    expect(pool.stats).toEqual({ threads: 1, busy: 1, queued: 0, stuck: 0, renewing: 1 })
    // A new thread has had one run at a time.
    expect(textOf(await say(pool, 'wait 1'))).toBe('1 1')
    expect(codeOf(await other)).toBe('handled')
  })
})

describe('a culprit that tries again', () => {
  it('runs alone until it has answered', async () => {
    const pool = openPool({ threads: 1 })
    await warm(pool)
    const other = say(pool, 'wait 4000')
    const again = { botId: 'bad', eventId: 'bad' }
    expect(codeOf(await say(pool, 'grows', again))).toBe('POOL_THREAD_DIED')
    const shared = say(pool, 'wait 1500')
    expect(textOf(await say(pool, 'wait 1', again))).toBe('1 1')
    expect(textOf(await say(pool, 'wait 1', again))).toBe('1 2')
    expect((await Promise.all([other, shared])).map(codeOf)).toEqual(['handled', 'handled'])
  })
})

describe('runs that are together too big for a thread', () => {
  it('are all answered, nobody is charged, and a thread gets fewer of them from then on', async () => {
    const crowded = new Recorder<CrowdedHandler>()
    const pool = openPool({ threads: 1, onCrowded: crowded.add, threadMemoryMb: 128 })
    await warm(pool)
    const runs = Array.from({ length: 8 }, () => say(pool, 'holds 25'))
    expect((await Promise.all(runs)).map(codeOf)).toEqual(Array.from({ length: 8 }, () => 'handled'))
    expect(await crowded.next()).toMatchObject({ handler: resolve('test/fixtures/handlers/shares.mjs') })
  })
})

describe('a handler that has a thread to itself', () => {
  const exclusive = { handler: { ...handler, runsPerThread: 1 } }

  it('runs beside the shared threads, one at a time in each, and waits for its turn', async () => {
    const pool = openPool({ threads: 2 })
    await warm(pool)
    const runs = Array.from({ length: 5 }, () => say(pool, 'wait 300', exclusive))
    expect(pool.stats).toMatchObject({ threads: 2, busy: 5, queued: 3 })
    expect((await Promise.all(runs)).map(textOf)).toEqual(Array.from({ length: 5 }, () => '1 1'))
    expect(pool.stats).toMatchObject({ busy: 0, queued: 0 })
  })
})

/** A FIFO that runs sit in until the end of `use`. */
async function withFifo(pool: ChatPool, freed: Recorder<number>, use: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'native-'))
  const path = join(folder, 'fifo')
  execFileSync('mkfifo', [path])
  try {
    await warm(pool)
    await use(path)
  } finally {
    await writeFile(path, '', { flag: constants.O_RDWR })
    await freed.until(() => pool.stats.stuck === 0)
    await rm(folder, { recursive: true })
  }
}

describe('code that sits in native calls', () => {
  it('uses up the threads of its own bot; others are answered all the time (B3)', async () => {
    const freed = new Recorder<number>()
    const pool = openPool({ handlerHangMs: 800, onFreed: () => freed.add(pool.stats.stuck) })
    await withFifo(pool, freed, async (path) => {
      const others = Array.from({ length: 20 }, () => say(pool, 'wait 2500', { botId: 'b' }))
      const stuck = (eventId: string) => say(pool, `native ${path}`, { botId: 'bad', eventId, timeoutMs: 1_500 })
      const codes = (await Promise.all([stuck('one'), stuck('two')])).map(codeOf)
      expect(codes).toEqual(['POOL_THREAD_DIED', 'POOL_THREAD_DIED'])
      expect((await Promise.all(others)).map(codeOf)).toEqual(Array.from({ length: 20 }, () => 'handled'))
      for (let attempt = 0; attempt < 3; attempt += 1) {
        expect(await stuck('one')).toMatchObject({
          error: { code: 'POOL_THREAD_DIED', message: expect.stringContaining('native code') },
        })
      }
      expect(pool.stats).toMatchObject({ stuck: 2, stuckBots: [{ botId: 'bad', threads: 2, isUsedUp: true }] })
      expect(codeOf(await say(pool, 'wait 1', { botId: 'b' }))).toBe('handled')
    })
    expect(pool.stats).not.toHaveProperty('stuckBots')
  })

  it('loses the threads that it was in and no others, however many messages of the bot come at once', async () => {
    const freed = new Recorder<number>()
    const stuck = new Recorder<number>()
    const pool = openPool({ handlerHangMs: 400, onStuck: stuck.add, onFreed: () => freed.add(pool.stats.stuck) })
    await withFifo(pool, freed, async (path) => {
      const others = Array.from({ length: 20 }, () => say(pool, 'wait 2500', { botId: 'b' }))
      const runs = Array.from({ length: 12 }, () => say(pool, `native ${path}`, { botId: 'bad', timeoutMs: 1_000 }))
      expect((await Promise.all(runs)).map(codeOf)).toEqual(Array.from({ length: 12 }, () => 'POOL_THREAD_DIED'))
      expect((await Promise.all(others)).map(codeOf)).toEqual(Array.from({ length: 20 }, () => 'handled'))
      expect(stuck.items).toEqual([1, 2])
      expect(pool.stats).toMatchObject({ threads: 2, busy: 0, queued: 0, stuck: 2 })
    })
  })
})

describe('a bot that burns CPU', () => {
  it('runs in a thread of its own; the thread of the others turns in time', async () => {
    const pool = openPool({ threads: 1 })
    await warm(pool)
    const waiting = Array.from({ length: 20 }, () => say(pool, 'wait 4000'))
    expect(codeOf(await say(pool, 'blocks 1500', { botId: 'hot' }))).toBe('handled')
    // It has been found: what it blocks from now on is not theirs. Alone in its thread it is the only run.
    const hot = say(pool, 'blocks 1000', { botId: 'hot' })
    const startedAt = Date.now()
    expect(codeOf(await say(pool, 'wait 1', { botId: 'cool' }))).toBe('handled')
    expect(Date.now() - startedAt).toBeLessThan(1_000)
    expect(textOf(await hot)).toBe('1 1')
    expect((await Promise.all(waiting)).map(codeOf)).toEqual(Array.from({ length: 20 }, () => 'handled'))
  })
})

describe('streams of many runs at once', () => {
  it('keep their order, and wait until what they showed last has been used', async () => {
    const pool = openPool()
    await warm(pool)
    // Odd ones are used at once, even ones never while the run lasts.
    const use = (n: number) => () => (n % 2 === 1 ? Promise.resolve() : new Promise<void>(() => {}))
    const runs = Array.from({ length: 50 }, (_, n) =>
      say(pool, `streams ${n}`, { eventId: `stream ${n}`, use: use(n) }),
    )
    expect((await Promise.all(runs)).map(codeOf)).toEqual(Array.from({ length: 50 }, () => 'handled'))
    for (let n = 0; n < 50; n += 1) {
      const shown = told.items.flatMap(({ eventId, call }) =>
        eventId === `stream ${n}` && call.kind === 'stream' ? [call.frame.text] : [],
      )
      const all = `${n}: 0 1 2 3 4 5 6 7`
      expect(shown).toEqual(shown.toSorted((a, b) => a.length - b.length))
      expect([shown[0], shown.at(-1)]).toEqual([`${n}:`, all])
      expect(shown.length > 2).toBe(n % 2 === 1)
    }
  })
})
