import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { resolveOptions } from '../../src/options.ts'
import type { Isolation } from '../../src/protocol/boot.ts'
import type { BotStatus } from '../../src/protocol/status.ts'
import { processCarrier } from '../../src/supervisor/process-carrier.ts'
import { botSpawner } from '../../src/supervisor/spawn.ts'
import { Supervisor } from '../../src/supervisor/supervisor.ts'
import { threadCarrier } from '../../src/supervisor/thread-carrier.ts'
import { BotLink } from '../../workers/supervisor/bot-link.ts'
import { Recorder } from '../bot/recorder.ts'
import { closeLater } from '../simulator/support.ts'

const ENTRY = resolve('test/fixtures/bots/ready.cjs')
const { connection, supervision } = resolveOptions({ supervision: { backoff: { firstMs: 60_000 } } }).thread

/** What the supervisor's own thread felt meanwhile. */
function feel() {
  const before = process.memoryUsage.rss()
  let [last, gapMs, rss] = [performance.now(), 0, before]
  const timer = setInterval(() => {
    const now = performance.now()
    gapMs = Math.max(gapMs, now - last)
    rss = Math.max(rss, process.memoryUsage.rss())
    last = now
  }, 5)
  closeLater(async () => clearInterval(timer))
  return () => ({ gapMs: Math.round(gapMs), grownMb: Math.round((rss - before) / 1_048_576) })
}

/** Two bots of a supervisor in this thread: one that is well, and one that gets an order. */
async function besides(order: string, isolation: Isolation) {
  const statuses = new Recorder<BotStatus>()
  let acceptedCount = 0
  const supervisor: Supervisor = new Supervisor({
    spawn: botSpawner(
      {
        thread: threadCarrier(ENTRY, supervision),
        process: processCarrier(resolve('dist/workers/bot-process.cjs'), ENTRY, supervision),
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
        accept: () => {
          acceptedCount += 1
          return new Promise(() => {})
        },
        acked: () => {},
        maxPayloadBytes: 1_048_576,
        misbehaved: (cause) => supervisor.misbehaved(botId, incarnation, cause),
      })
    },
    gone: () => {},
    changed: statuses.add,
    log: () => {},
  })
  closeLater(() => supervisor.stop(5_000))
  const start = (botId: string, appSecret: string, more: { isolation: Isolation }) =>
    supervisor.start({ botId, name: botId, appId: 'x', appSecret, domain: 'http://127.0.0.1:1', connection, ...more })
  start('well', 'none', { isolation: 'thread' })
  await statuses.next(({ botId, child }) => botId === 'well' && child.state === 'running')
  const felt = feel()
  start('ill', order, { isolation })
  const ended = await statuses.next(({ botId, child }) => botId === 'ill' && child.lastExit !== undefined, 30_000)
  const { gapMs, grownMb } = felt()
  process.stdout.write(`${isolation} ${order}: gap ${gapMs} ms, +${grownMb} MB\n`)
  return { ended, gapMs, grownMb, acceptedCount, well: supervisor.status('well') }
}

it.each(['thread', 'process'] as const)(
  'a worker in a %s that floods its wires is ended, and the others are not',
  async (isolation) => {
    for (const order of [
      'tell nothing',
      'send nothing',
      'print 200 MB',
      'tell 500 000 things',
      'answer 500 000 times',
      'confirm 500 000 times',
      'send 500 000 frames',
      'tell 200 MB',
      'send 200 MB',
    ]) {
      const { ended, well } = await besides(order, isolation)
      process.stdout.write(JSON.stringify([ended.child.lastExit?.reason, ended.flood?.cause]))
      expect(well?.child).toMatchObject({ state: 'running', incarnation: 1 })
    }
  },
)
