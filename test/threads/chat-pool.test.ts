import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/time/clock.ts'
import { ChatPool } from '../../src/messages/pool/chat-pool.ts'
import type { ChatPoolOptions } from '../../src/messages/pool/chat-pool-options.ts'
import type { ChatOutcome, HandlerRef } from '../../src/protocol/chat.ts'
import type { InboundEvent } from '../../src/protocol/model/inbound-event.ts'
import { createLogger, type LogRecord } from '../../src/core/log/logger.ts'
import { hideValues } from '../../src/core/log/redact.ts'
import { ContextServer } from '../../src/messages/handle/context-server.ts'
import { Recorder } from '../support/recorder.ts'
import { inboundMessage as message } from '../support/inbound-message.ts'
import { messageEvent } from '../messages/dispatcher-bench.ts'

hideValues(['canary-secret'])
const logged = new Recorder<LogRecord>()
const target = { messageId: 'm1', receiver: { type: 'chat_id', id: 'c' } } as const
/** The chat has two messages before, one of them the bot's. */
const contextServer = new ContextServer({
  log: createLogger('handler', logged.add),
  history: ({ limit }) =>
    Promise.resolve(
      (
        [
          { kind: 'reply', messageId: 'm0r', msgType: 'text', content: '{"text":"hi"}', sentAt: 3 },
          { kind: 'event', payload: messageEvent('c', 'm0', 'good day').payload, createdAt: 2 },
        ] as const
      ).slice(0, limit),
    ),
})

const open = new Set<ChatPool>()

function openPool(threads = 1, more: Partial<ChatPoolOptions> = {}): ChatPool {
  const pool = new ChatPool({
    filename: resolve('dist/workers/chat.cjs'),
    threads,
    threadMemoryMb: 64,
    threadMaxTasks: 1_000,
    secrets: { backend: 'canary-secret' },
    clock: systemClock,
    onIdleDeath: () => {},
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

function fixture(name: string): HandlerRef {
  return { kind: 'module', path: resolve('test/fixtures/handlers', name) }
}

function run(
  pool: ChatPool,
  handler: HandlerRef,
  timeoutMs = 10_000,
  task: object = {},
  eventId = 7,
): Promise<ChatOutcome> {
  const first = { kind: 'event', handler, event: message, canReply: true, attempt: 1, timeoutMs: 9_000 } as const
  return pool.run({ ...first, ...task }, timeoutMs, (call, answer) =>
    contextServer.take(call, { botId: 'a', eventId, target, onFrame() {} }, answer),
  )
}

function texts(outcome: ChatOutcome): unknown[] {
  if (outcome.kind !== 'handled') throw new Error(JSON.stringify(outcome))
  return outcome.replies.map((reply) => JSON.parse(reply.content).text)
}

describe('a handler that works', () => {
  it('is a module path', async () => {
    expect(texts(await run(openPool(), fixture('good.mjs'), 10_000, { attempt: 3 }))).toEqual([
      'hello you',
      'attempt 3',
    ])
  })

  it('is compiled CommonJS', async () => {
    expect(texts(await run(openPool(), fixture('compiled.cjs')))).toEqual(['compiled'])
  })

  it('is the built-in echo', async () => {
    const pool = openPool()
    const echo: HandlerRef = { kind: 'builtin', name: 'echo' }
    expect(texts(await run(pool, echo))).toEqual(['you'])
    const image = { event: { ...message, messageType: 'image', text: '' } }
    expect(texts(await run(pool, echo, 10_000, image))).toEqual(['[image]'])
  })

  it("does not see the host's environment or flags", async () => {
    const [seen] = texts(await run(openPool(), fixture('environment.mjs')))
    expect(JSON.parse(String(seen))).toEqual({ env: [], execArgv: [] })
  })
})

describe('what a handler can ask for', () => {
  it('the last messages of its chat, oldest first and rendered', async () => {
    const said = (outcome: ChatOutcome) => JSON.parse(String(texts(outcome)[0]))
    const pool = openPool()
    expect(
      said(await run(pool, fixture('asks.mjs'), 10_000, { event: { ...message, text: '', ...asks('history 2') } })),
    ).toMatchObject([
      { isOwn: false, text: 'good day', messageId: 'm0', senderOpenId: 'ou_1' },
      { isOwn: true, text: 'hi', messageId: 'm0r' },
    ])
    expect(
      said(await run(pool, fixture('asks.mjs'), 10_000, { event: { ...message, ...asks('history 1') } })),
    ).toMatchObject([{ text: 'hi' }])
    expect(
      await run(pool, fixture('asks.mjs'), 10_000, { event: { ...message, ...asks('history 101') } }),
    ).toMatchObject({
      error: { message: 'ctx.history expects a number from 1 to 100' },
    })
  })

  it('a line of the log, with the bot and the event, and without what must not be shown', async () => {
    await run(openPool(), fixture('asks.mjs'), 10_000, { event: { ...message, ...asks('log canary-secret') } })
    expect(await logged.next()).toMatchObject({
      level: 'warn',
      scope: 'handler',
      message: 'asked for ***',
      fields: { botId: 'a', eventId: 7, size: 3, key: '***' },
    })
  })

  it('a line of the log of its own run, whatever ran before in the thread', async () => {
    const pool = openPool()
    for (const eventId of [8, 9]) {
      await run(pool, fixture('asks.mjs'), 10_000, { event: { ...message, ...asks('log it') } }, eventId)
      expect(await logged.next()).toMatchObject({ fields: { eventId } })
    }
  })

  it('nothing once the run has ended, also where the thread goes on', async () => {
    const pool = openPool()
    await run(pool, fixture('asks.mjs'), 10_000, { event: { ...message, ...asks('later') } }, 8)
    const answer = await run(pool, fixture('asks.mjs'), 10_000, { event: { ...message, ...asks('now') } }, 9)
    expect(texts(answer)).toEqual(['the handler run has ended: ctx cannot be used any more'])
    await run(pool, fixture('asks.mjs'), 10_000, { event: { ...message, ...asks('log it') } }, 10)
    // What the first one would have logged would have come before.
    expect(await logged.next()).toMatchObject({ fields: { eventId: 10 } })
  })

  it('a secret by its name; an error that has it in its text shows none of it', async () => {
    const pool = openPool()
    const outcome = await run(pool, fixture('asks.mjs'), 10_000, { event: { ...message, ...asks('secret backend') } })
    expect(outcome).toMatchObject({ error: { message: 'it is ***, of 13 characters' } })
    expect(
      await run(pool, fixture('asks.mjs'), 10_000, { event: { ...message, ...asks('secret other') } }),
    ).toMatchObject({
      error: { message: 'secrets in the options have no "other"; they have: backend' },
    })
  })

  function asks(text: string) {
    return { raw: { message: { content: JSON.stringify({ text }) } } }
  }
})

describe('an error of a handler', () => {
  it.each([
    ['{"retryable":false}', { error: { code: 'HANDLER_GAVE_UP', retryable: false } }],
    ['{"retryAfterMs":5000}', { error: { code: 'HANDLER_FAILED', retryable: true }, retryAfterMs: 5_000 }],
    ['{"retryAfterMs":"soon"}', { error: { code: 'HANDLER_FAILED', message: 'no' } }],
  ])('says by %s how it goes on', async (fields, outcome) => {
    const raw = { message: { content: JSON.stringify({ text: `fail ${fields}` }) } }
    expect(await run(openPool(), fixture('asks.mjs'), 10_000, { event: { ...message, raw } })).toMatchObject(outcome)
  })
})

describe('a handler of several kinds of events', () => {
  const base = { botId: 'a', eventId: 'e1', createdAt: 1, raw: {} }
  const press = (act: string): { event: InboundEvent } => ({
    event: {
      ...base,
      kind: 'card_action',
      chatId: 'c',
      operatorOpenId: 'ou_1',
      updateToken: '',
      action: { tag: 'button', name: '', value: { act }, formValue: {} },
    },
  })

  it('is told each with its own function; a message is rendered before', async () => {
    const pool = openPool()
    const menu: InboundEvent = { ...base, kind: 'menu', eventKey: 'help', operatorOpenId: 'ou_1', operatorName: '' }
    expect(texts(await run(pool, fixture('events.mjs'), 10_000, { event: menu }))).toEqual(['menu help'])
    const raw = { message: { content: '{"image_key":"img_1"}' } }
    const image = { ...message, messageType: 'image', text: '', raw }
    expect(texts(await run(pool, fixture('events.mjs'), 10_000, { event: image }))).toEqual(['message ![image](img_1)'])
  })

  it('has no function for a kind: handled without a reply', async () => {
    const other: InboundEvent = { ...base, kind: 'other', type: 'x' }
    const outcome = await run(openPool(), fixture('events.mjs'), 10_000, { event: other })
    expect(outcome).toEqual({ kind: 'handled', replies: [] })
  })

  it('answers a card with what it returns', async () => {
    const pool = openPool()
    expect(await run(pool, fixture('events.mjs'), 10_000, press('ok'))).toMatchObject({
      kind: 'handled',
      response: { toast: { type: 'success', content: 'done ok' } },
    })
    expect(await run(pool, fixture('events.mjs'), 10_000, press('nothing'))).not.toHaveProperty('response')
    expect(await run(pool, fixture('events.mjs'), 10_000, press('wrong'))).toMatchObject({
      error: { code: 'HANDLER_FAILED', message: expect.stringContaining('a card handler must return') },
    })
  })

  it('cannot reply to nobody', async () => {
    const outcome = await run(openPool(), fixture('events.mjs'), 10_000, { ...press('ok'), canReply: false })
    expect(outcome).toMatchObject({ error: { message: expect.stringContaining('a reply is not possible') } })
  })
})

describe('a handler that fails', () => {
  it.each([
    ['throws.mjs', 'the backend is away'],
    ['throws-null.mjs', 'null'],
    ['throws-strange.mjs', 'the thrown error has no text'],
    ['wrong-reply.mjs', 'text: expected a text that is not empty'],
  ])('%s: its error is told, none of its replies is', async (name, text) => {
    const error = { code: 'HANDLER_FAILED', message: text, retryable: true }
    expect(await run(openPool(), fixture(name))).toEqual({ kind: 'failed', error })
  })

  it('a reply after the end is refused', async () => {
    const pool = openPool()
    await run(pool, fixture('late-reply.mjs'))
    expect(texts(await run(pool, fixture('late-reply.mjs')))).toEqual([expect.stringContaining('had ended')])
  })

  it('is told a little before its limit', async () => {
    const outcome = await run(openPool(), fixture('slow.mjs'), 10_000, { timeoutMs: 50 })
    expect(outcome).toMatchObject({ error: { code: 'HANDLER_TIMEOUT', message: 'gave up in time' } })
  })
})

describe('a thread that is lost', () => {
  it.each(['spins.mjs', 'hangs.mjs'])('%s: it is replaced at the limit and the next task runs', async (name) => {
    const pool = openPool()
    expect(await run(pool, fixture(name), 500)).toMatchObject({ kind: 'failed', error: { code: 'HANDLER_TIMEOUT' } })
    expect(texts(await run(pool, fixture('good.mjs')))).toHaveLength(2)
    expect(pool.stats).toEqual({ threads: 1, busy: 0, queued: 0, stuck: 0 })
  })

  it('a handler that exits fails alone', async () => {
    const pool = openPool(2)
    const [exited, good] = await Promise.all([run(pool, fixture('exits.mjs')), run(pool, fixture('good.mjs'))])
    expect(exited).toMatchObject({ kind: 'failed', error: { code: 'POOL_THREAD_DIED', retryable: true } })
    expect(good.kind).toBe('handled')
    expect((await run(pool, fixture('good.mjs'))).kind).toBe('handled')
  })

  it('one in which something is thrown after its handler has answered is told as that run and replaced', async () => {
    const made = once(process, 'worker')
    const pool = openPool()
    const [worker] = (await made) as [Worker]
    const exited = once(worker, 'exit')
    const outcome = await run(pool, fixture('dies-idle.mjs'))
    // What is thrown may overtake its answer.
    const told =
      outcome.kind === 'failed'
        ? { message: outcome.error.message, fields: { botId: 'a', eventId: 7 } }
        : await logged.next(({ level }) => level === 'error')
    expect(told).toMatchObject({
      message: expect.stringContaining('left behind'),
      fields: { botId: 'a', eventId: 7 },
    })
    await exited
    expect((await run(pool, fixture('good.mjs'))).kind).toBe('handled')
  })

  it('one that exits between tasks is replaced, and what its successor calls for is heard', async () => {
    const made = once(process, 'worker')
    const pool = openPool()
    const [worker] = (await made) as [Worker]
    const exited = once(worker, 'exit')
    expect((await run(pool, fixture('exits-idle.mjs'))).kind).toBe('handled')
    await exited
    expect(await logged.next()).toMatchObject({ message: expect.stringContaining('process.exit(0)') })
    const raw = { message: { content: JSON.stringify({ text: 'log it' }) } }
    expect((await run(pool, fixture('asks.mjs'), 10_000, { event: { ...message, raw } })).kind).toBe('handled')
    expect(await logged.next()).toMatchObject({ message: 'asked for it' })
  })
})

describe('a thread that is worn', () => {
  it('is replaced after its number of tasks', async () => {
    const pool = openPool(1, { threadMaxTasks: 2 })
    const counts = []
    for (let n = 0; n < 5; n += 1) counts.push(...texts(await run(pool, fixture('counts.mjs'))))
    expect(counts).toEqual(['run 1', 'run 2', 'run 1', 'run 2', 'run 1'])
  })

  it('is replaced between two tasks when handlers leave memory behind, so that no task fails', async () => {
    const pool = openPool()
    for (let n = 0; n < 12; n += 1) expect((await run(pool, fixture('leaks.mjs'))).kind).toBe('handled')
  })

  it('is ended in the middle of a task that grows, and the error says why', async () => {
    const growing = { event: { ...message, chatId: 'grow' } }
    expect(await run(openPool(), fixture('leaks.mjs'), 10_000, growing)).toMatchObject({
      error: { code: 'POOL_THREAD_DIED', message: expect.stringContaining('64 MB are allowed') },
    })
  })
})

describe('threads that sit in native code', () => {
  it('are replaced, counted and told; a bot that has lost two gets no further one, all others are answered', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'blocks-'))
    const [first = '', second = ''] = ['first', 'second'].map((name) => join(folder, name))
    execFileSync('mkfifo', [first, second])
    const stuck = new Recorder<number>()
    const freed = new Recorder<number>()
    const pool = openPool(1, { onStuck: stuck.add, onFreed: () => freed.add(pool.stats.stuck) })
    const block = (chatId: string) => run(pool, fixture('blocks.mjs'), 2_000, { event: { ...message, chatId } })
    const other = { event: { ...message, botId: 'b' } }
    try {
      // Its thread has started, so that the limit is met by the handler.
      expect((await run(pool, fixture('good.mjs'))).kind).toBe('handled')
      expect(await block(first)).toMatchObject({ error: { code: 'HANDLER_TIMEOUT' } })
      expect((await run(pool, fixture('good.mjs'))).kind).toBe('handled')
      expect(await stuck.next()).toBe(1)
      expect(pool.stats).toMatchObject({ threads: 1, stuck: 1 })
      expect(await block(second)).toMatchObject({ error: { code: 'HANDLER_TIMEOUT' } })
      expect(await stuck.next()).toBe(2)
      expect(await run(pool, fixture('good.mjs'))).toMatchObject({
        error: { code: 'POOL_THREAD_DIED', message: expect.stringContaining('native code'), retryable: true },
      })
      expect(texts(await run(pool, fixture('good.mjs'), 10_000, other))).toHaveLength(2)
      await writeFile(first, '')
      await freed.until(() => pool.stats.stuck === 1)
      expect((await run(pool, fixture('good.mjs'))).kind).toBe('handled')
      // One is still stuck: closing does not wait for it.
      await pool.close(0)
      expect(pool.stats).toMatchObject({ threads: 0, busy: 0, stuck: 1 })
    } finally {
      for (const path of [first, second]) await writeFile(path, '', { flag: constants.O_RDWR })
      await freed.until(() => pool.stats.stuck === 0)
      await rm(folder, { recursive: true })
    }
  })
})

describe('probe', () => {
  it('accepts a handler that loads', async () => {
    expect([...(await openPool().probe(fixture('good.mjs'), 10_000))]).toEqual(['message'])
    const kinds = ['message', 'reaction', 'bot_added', 'bot_removed', 'p2p_entered', 'menu', 'card_action']
    expect([...(await openPool().probe(fixture('events.mjs'), 10_000))]).toEqual(kinds)
  })

  it.each([
    ['bad-import.mjs', /bad-import\.mjs.*no configuration/],
    ['no-default.mjs', /no-default\.mjs.*expected a function/],
    ['missing.mjs', /missing\.mjs.*does not exist/],
  ])('names the file and the reason: %s', async (name, text) => {
    const probe = openPool().probe(fixture(name), 10_000)
    await expect(probe).rejects.toMatchObject({ code: 'HANDLER_UNLOADABLE', message: expect.stringMatching(text) })
  })

  it('a pool without its file fails instead of hanging', async () => {
    const pool = openPool(1, { filename: resolve('dist/workers/there-is-none.cjs') })
    await expect(pool.probe(fixture('good.mjs'), 2_000)).rejects.toMatchObject({ code: 'HANDLER_UNLOADABLE' })
    for (let n = 0; n < 3; n += 1) expect((await run(pool, fixture('good.mjs'), 2_000)).kind).toBe('failed')
  })

  it('a mended file is loaded by the same thread', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'handler-'))
    try {
      const pool = openPool()
      const path = join(folder, 'handler.mjs')
      await writeFile(path, "throw new Error('broken')")
      await expect(pool.probe({ kind: 'module', path }, 10_000)).rejects.toMatchObject({ code: 'HANDLER_UNLOADABLE' })
      await writeFile(path, 'export default () => {}')
      expect(await run(pool, { kind: 'module', path })).toEqual({ kind: 'handled', replies: [] })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('threads that could not be started', () => {
  it('are started again by the next task', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pool-'))
    try {
      const filename = join(folder, 'chat.cjs')
      const pool = openPool(1, { filename })
      expect((await run(pool, fixture('good.mjs'), 5_000)).kind).toBe('failed')
      await copyFile(resolve('dist/workers/chat.cjs'), filename)
      expect((await run(pool, fixture('good.mjs'))).kind).toBe('handled')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('close', () => {
  it('lets a task end within the grace', async () => {
    const pool = openPool()
    const running = run(pool, fixture('good.mjs'))
    await pool.close(10_000)
    expect((await running).kind).toBe('handled')
  })

  it('stops a task that does not, and starts no other', async () => {
    const pool = openPool()
    const running = run(pool, fixture('spins.mjs'), 60_000)
    await pool.close(100)
    const closed = { kind: 'failed', error: { code: 'POOL_THREAD_DIED' } }
    expect(await running).toMatchObject(closed)
    expect(await run(pool, fixture('good.mjs'))).toMatchObject(closed)
    expect(pool.stats.threads).toBe(0)
  })
})

it('takes no more runs than it has room for and queues none (O4)', async () => {
  const pool = openPool(2, { concurrency: 2 })
  const outcomes = Array.from({ length: 20 }, () => run(pool, fixture('good.mjs')))
  expect(pool.capacity).toBe(2)
  // Beside them there is room for runs with a thread to themselves.
  expect(pool.stats).toEqual({ threads: 2, busy: 4, queued: 0, stuck: 0 })
  const kinds = (await Promise.all(outcomes)).map((outcome) => (outcome.kind === 'failed' ? outcome.error.code : 'ok'))
  expect(kinds).toEqual(['ok', 'ok', 'ok', 'ok', ...Array.from({ length: 16 }, () => 'INTERNAL')])
})
