import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { systemClock } from '../../src/core/time/clock.ts'
import { resolveOptions } from '../../src/options/options.ts'
import type { Isolation } from '../../src/protocol/model/bot-settings.ts'
import type { BotStatus } from '../../src/protocol/model/status.ts'
import { processIsolation } from '../../src/supervisor/isolation/process-isolation.ts'
import { botSpawner } from '../../src/supervisor/spawn.ts'
import { Supervisor } from '../../src/supervisor/supervisor.ts'
import { threadIsolation } from '../../src/supervisor/isolation/thread-isolation.ts'
import { BotLink } from '../../workers/supervisor/bots/bot-link.ts'
import { Recorder } from '../support/recorder.ts'
import { closeLater } from '../support/simulator.ts'

const ENTRY = resolve('test/fixtures/bots/ready.cjs')
const { connection, supervision } = resolveOptions({ supervision: { backoff: { firstMs: 60_000 } } }).thread

/** What the thread of the supervisor feels: the longest time in which it could do nothing else. */
function feel() {
  const before = process.memoryUsage.rss()
  let [last, gapMs, most] = [performance.now(), 0, before]
  const timer = setInterval(() => {
    const now = performance.now()
    gapMs = Math.max(gapMs, now - last)
    most = Math.max(most, process.memoryUsage.rss())
    last = now
  }, 5)
  return {
    /** After the look that is due. */
    async felt(): Promise<{ gapMs: number; grownMb: number }> {
      await new Promise((done) => {
        setTimeout(done, 10)
      })
      clearInterval(timer)
      return { gapMs: Math.round(gapMs), grownMb: Math.round((most - before) / 1_048_576) }
    },
  }
}

/** A supervisor in this thread with a bot that is well and one that does what the order says, until `isOver`. */
async function beside(order: string, isolation: Isolation, isOver: (status: BotStatus) => boolean) {
  const statuses = new Recorder<BotStatus>()
  const printed: string[] = []
  const supervisor: Supervisor = new Supervisor({
    spawn: botSpawner(
      {
        thread: threadIsolation(ENTRY, supervision),
        process: processIsolation(resolve('dist/workers/bot-process.cjs'), ENTRY, supervision),
      },
      systemClock,
    ),
    policy: supervision,
    clock: systemClock,
    random: () => 0.5,
    spawned(botId, { dataPort: port }, incarnation) {
      void new BotLink({
        botId,
        incarnation,
        port,
        sendDeadlineMs: 1_000,
        clock: systemClock,
        accept: () => new Promise(() => {}),
        acked: () => {},
        creditWindow: 512,
        maxPayloadBytes: 1_048_576,
        misbehaved: (cause) => supervisor.misbehaved(botId, incarnation, cause),
      })
    },
    gone: () => {},
    changed: statuses.add,
    identified: () => {},
    log: ({ message, fields }) => {
      if (fields['printed'] === true) printed.push(message)
    },
  })
  closeLater(() => supervisor.stop(5_000))
  const common = { isIdentified: true, appId: 'x', domain: 'http://127.0.0.1:1', connection }
  supervisor.start({ ...common, botId: 'well', name: 'well', appSecret: 'none', isolation: 'thread' })
  await statuses.next(({ botId, child }) => botId === 'well' && child.state === 'running')
  const { felt } = feel()
  supervisor.start({ ...common, botId: 'ill', name: 'ill', appSecret: order, isolation })
  const ill = await statuses.next((status) => status.botId === 'ill' && isOver(status), 30_000)
  const { gapMs, grownMb } = await felt()
  process.stdout.write(`${isolation}, ${order}: gap ${gapMs} ms, ${grownMb} MB more\n`)
  expect(supervisor.status('well')?.child).toMatchObject({ state: 'running', incarnation: 1 })
  const back = () =>
    statuses.next(({ botId, child }) => botId === 'ill' && child.incarnation === 2 && child.state === 'running')
  return { ill, gapMs, grownMb, printed: printed.join(''), back }
}

const hasEnded = ({ child }: BotStatus): boolean => child.lastExit !== undefined

/** Of many messages, on a machine that is busy with other tests. What is one message has to be read whole, however long that takes. */
const MOST_GAP_MS = 1_000

it.each<[order: string, cause: string, mostMb: number, isOneMessage?: true]>([
  ['tell nothing', 'sent an invalid signal', 200],
  ['tell half a thing', 'sent an invalid signal', 200],
  ['send nothing', 'sent an invalid frame', 200],
  ['send half a frame', 'sent an invalid frame', 200],
  ['tell 500 000 things', 'sent more than', 400],
  ['send 500 000 frames', 'unexpected frames a second', 400],
  ['confirm 500 000 times', 'unexpected frames a second', 400],
  ['answer 500 000 times', 'control answers a second', 400],
  ['print 200 MB', 'printed more than', 800, true],
  ['tell 200 MB', 'a line of 200000000', 1_000, true],
  ['send 200 MB', 'over connection.maxPayloadBytes', 1_000, true],
])(
  'a worker in a thread that does this is ended, the other bot goes on: %s (W6)',
  async (...[order, cause, mostMb, isOneMessage]) => {
    const { ill, gapMs, grownMb, back } = await beside(order, 'thread', hasEnded)
    await back()
    expect(ill.child.lastExit?.reason).toBe('killed')
    expect(ill.flood).toMatchObject({ cause: expect.stringContaining(cause), isFatal: true })
    expect(isOneMessage === true || gapMs < MOST_GAP_MS).toBe(true)
    expect(grownMb).toBeLessThan(mostMb)
  },
)

it('a worker in a process of its own floods only that (W6)', async () => {
  for (const order of ['print 200 MB', 'send 200 MB']) {
    const { gapMs, grownMb } = await beside(order, 'process', hasEnded)
    expect({ order, gapMs: gapMs < MOST_GAP_MS, grownMb: grownMb < 600 }).toEqual({ order, gapMs: true, grownMb: true })
  }
})

it('a worker that prints too much is held down', async () => {
  const { ill, printed } = await beside('print 1 MB', 'thread', ({ flood }) => flood !== undefined)
  expect(ill.flood).toMatchObject({ cause: 'the worker prints more than 65536 characters a second', isFatal: false })
  expect(printed.length).toBeLessThan(200_000)
})
