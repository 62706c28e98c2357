import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { errorText } from '../../src/core/errors.ts'
import { deferred } from '../../src/core/deferred.ts'
import { ChatPool } from '../../src/messages/chat-pool.ts'
import type { ChatOutcome, HandlerRef } from '../../src/protocol/chat.ts'
import type { InboundEvent } from '../../src/protocol/inbound-event.ts'
import type { InboundMessage } from '../../src/protocol/inbound-message.ts'

const message: InboundMessage = {
  kind: 'message',
  botId: 'a',
  eventId: 'e1',
  messageId: 'm1',
  chatId: 'c',
  chatType: 'p2p',
  messageType: 'text',
  text: 'you',
  content: { text: 'you' },
  senderOpenId: 'ou_1',
  createdAt: 1,
  mentions: [],
  isBotMentioned: false,
  isAllMentioned: false,
  resources: [],
  raw: { message: { content: '{"text":"you"}' } },
}

const open = new Set<ChatPool>()

function openPool(threads = 1, onIdleDeath: (thrown: unknown) => void = () => {}): ChatPool {
  const pool = new ChatPool({
    filename: resolve('dist/workers/chat.cjs'),
    threads,
    threadMemoryMb: 64,
    clock: systemClock,
    onIdleDeath,
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

function run(pool: ChatPool, handler: HandlerRef, timeoutMs = 10_000, task: object = {}): Promise<ChatOutcome> {
  const first = { kind: 'event', handler, event: message, canReply: true, attempt: 1, timeoutMs: 9_000 } as const
  return pool.run({ ...first, ...task }, timeoutMs)
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
      error: { code: 'HANDLER_FAILED', message: expect.stringContaining('a card handler returns') },
    })
  })

  it('cannot reply to nobody', async () => {
    const outcome = await run(openPool(), fixture('events.mjs'), 10_000, { ...press('ok'), canReply: false })
    expect(outcome).toMatchObject({ error: { message: expect.stringContaining('nobody to reply to') } })
  })
})

describe('a handler that fails', () => {
  it.each([
    ['throws.mjs', 'the backend is away'],
    ['throws-null.mjs', 'null'],
    ['throws-strange.mjs', 'an error without a text'],
    ['wrong-reply.mjs', 'ctx.reply takes a text that is not empty'],
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
    expect(pool.stats).toEqual({ threads: 1, busy: 0, queued: 0 })
  })

  it('a handler that exits fails alone', async () => {
    const pool = openPool(2)
    const [exited, good] = await Promise.all([run(pool, fixture('exits.mjs')), run(pool, fixture('good.mjs'))])
    expect(exited).toMatchObject({ kind: 'failed', error: { code: 'POOL_THREAD_DIED', retryable: true } })
    expect(good.kind).toBe('handled')
    expect((await run(pool, fixture('good.mjs'))).kind).toBe('handled')
  })

  it('one that dies between tasks is reported and replaced', async () => {
    const died = deferred<unknown>()
    const pool = openPool(1, died.resolve)
    const outcome = await run(pool, fixture('dies-idle.mjs'))
    // Its last breath may overtake its answer.
    const told = outcome.kind === 'failed' ? outcome.error.message : errorText(await died.promise)
    expect(told).toContain('left behind')
    expect((await run(pool, fixture('good.mjs'))).kind).toBe('handled')
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
    ['no-default.mjs', /no-default\.mjs.*not a function/],
    ['missing.mjs', /missing\.mjs.*no such file/],
  ])('names the file and the reason: %s', async (name, text) => {
    const probe = openPool().probe(fixture(name), 10_000)
    await expect(probe).rejects.toMatchObject({ code: 'HANDLER_UNLOADABLE', message: expect.stringMatching(text) })
  })

  it('a pool without its file fails instead of hanging', async () => {
    const pool = new ChatPool({
      filename: resolve('dist/workers/there-is-none.cjs'),
      threads: 1,
      threadMemoryMb: 64,
      clock: systemClock,
      onIdleDeath: () => {},
    })
    open.add(pool)
    await expect(pool.probe(fixture('good.mjs'), 2_000)).rejects.toMatchObject({ code: 'HANDLER_UNLOADABLE' })
    expect((await run(pool, fixture('good.mjs'), 2_000)).kind).toBe('failed')
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

it('takes no more tasks than it has threads', async () => {
  const pool = openPool()
  const first = run(pool, fixture('good.mjs'))
  expect(pool.stats.busy).toBe(1)
  expect(await run(pool, fixture('good.mjs'))).toMatchObject({ error: { code: 'INTERNAL' } })
  expect((await first).kind).toBe('handled')
})
