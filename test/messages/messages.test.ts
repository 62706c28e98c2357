import { resolve } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { systemClock } from '../../src/core/time/clock.ts'
import { createLogger } from '../../src/core/log/logger.ts'
import { deferred } from '../../src/core/time/deferred.ts'
import { createMessages, type Messages } from '../../src/messages/messages.ts'
import { ContextServer } from '../../src/messages/handle/context-server.ts'
import type { HandlerRef } from '../../src/protocol/chat.ts'
import type { MessageEvent } from '../../src/protocol/model/events.ts'
import { DEFAULT_OPTIONS } from './default-options.ts'
import { messageEvent, noCards, plainBots } from './dispatcher-bench.ts'
import { MemoryStore } from './memory-store.ts'

let messages: Messages | undefined

afterEach(() => messages?.stop(0))

function create(handler: HandlerRef) {
  const inbox = new MemoryStore(systemClock)
  const events: MessageEvent[] = []
  const replied = deferred<string>()
  messages = createMessages({
    inbox,
    replies: inbox,
    callCard: noCards,
    owner: 'instance-1',
    handlers: { default: handler },
    bots: plainBots,
    runOnHost: () => {},
    secrets: {},
    contextServer: new ContextServer({ history: () => Promise.resolve([]), log: createLogger('handler', () => {}) }),
    chatWorker: resolve('dist/workers/chat.cjs'),
    chatProcess: resolve('dist/workers/chat-process.cjs'),
    sendReply: async (_botId, reply) => ({ kind: 'sent', messageId: `sent-${reply.messageId}` }),
    clock: systemClock,
    random: Math.random,
    emit(event) {
      events.push(event)
      if (event.stage === 'replied') replied.resolve(event.messageId)
    },
    onPrinted: () => {},
    onIdleDeath: () => {},
    onStuck: () => {},
    onCrowded: () => {},
    // The events of these tests are years old.
    options: { ...DEFAULT_OPTIONS, threads: 1, maxAgeMs: 0 },
  })
  return { messages, inbox, events, replied: replied.promise }
}

it('an accepted event is handled in a thread and answered', async () => {
  const subject = create({ kind: 'builtin', name: 'echo' })
  await subject.messages.start()
  await subject.messages.accept('a', messageEvent('c', 'm1', 'hello'))
  expect(await subject.replied).toBe('sent-m1')
  await subject.messages.stop(5_000)
  expect(subject.inbox.rows[0]!.replies).toMatchObject([{ content: '{"text":"hello"}', state: 'sent' }])
  expect(subject.events.map((event) => event.stage)).toEqual(['received', 'handled', 'replied'])
  expect(subject.messages.stats()).toEqual({ threads: 0, busy: 0, queued: 0, stuck: 0 })
})

it('an event of a handler that has processes to itself is handled in one, which ends with the rest', async () => {
  const path = resolve('test/fixtures/handlers/alone.mjs')
  const subject = create({ kind: 'module', path, isolation: 'process' })
  await subject.messages.start()
  await subject.messages.accept('a', messageEvent('c', 'm1', 'pid'))
  await subject.replied
  expect(subject.messages.stats()).toMatchObject({ busy: 0, processes: 1 })
  await subject.messages.stop(5_000)
  const [reply] = subject.inbox.rows[0]!.replies
  const pid = Number(JSON.parse(reply!.content).text)
  expect(pid).not.toBe(process.pid)
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  expect(subject.messages.stats()).toEqual({ threads: 0, busy: 0, queued: 0, stuck: 0 })
})

it('a handler that kills the process that loads it is told at the start, and only that process is gone', async () => {
  const path = resolve('test/fixtures/handlers/kills-at-load.mjs')
  const subject = create({ kind: 'module', path, isolation: 'process' })
  await expect(subject.messages.start()).rejects.toMatchObject({
    code: 'HANDLER_UNLOADABLE',
    message: expect.stringContaining('SIGABRT'),
  })
})

it('a handler that cannot be loaded is told at the start; events are stored all the same', async () => {
  const subject = create({ kind: 'module', path: resolve('test/fixtures/handlers/bad-import.mjs') })
  await expect(subject.messages.start()).rejects.toMatchObject({ code: 'HANDLER_UNLOADABLE' })
  await subject.messages.accept('a', messageEvent('c', 'm1'))
  expect(subject.inbox.rows[0]).toMatchObject({ state: 'available', attempt: 0 })
})
