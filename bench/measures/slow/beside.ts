import { join } from 'node:path'
import type { BurnerOrders } from '../../parties/burner.ts'
import type { LoadResult } from '../../process/load.ts'
import { Party } from '../../process/party.ts'
import { distribution, ratio } from '../../report/figures.ts'
import { judge } from '../../report/targets.ts'
import { CHATS_PER_BOT, PATIENCE_MS, type Part, type Run } from '../../run.ts'
import { latencyFinding } from '../latency.ts'
import { pause, type SlowWorld, until, untilIdle } from './slow-world.ts'

/** Of the quick bot, and of ten others together. */
const PER_SECOND = 50

const WAITING = 500
/** With a chat's next message well after the answer to the one before. */
const RENEWED_CHATS = 550
/** What two cores can do beside the quick bot. */
const MOST_PER_SECOND = 170
const STREAMS = 200
const STREAM_MS = 5_000

const WAITING_BESIDE_BURNS = 200
const BURN_MS = 200
const BURNS_PER_SECOND = 4

const NAMES = ['quiet', 'waiting', 'atOnce', 'renewed', 'streams', 'othersQuiet', 'burning', 'control'] as const
type Name = (typeof NAMES)[number]

const LABELS: Readonly<Record<Name, string>> = {
  quiet: 'a quick bot: quiet',
  waiting: `beside ${WAITING} answers that wait`,
  atOnce: 'beside as many messages as the next, answered at once',
  renewed: `beside ${WAITING} answers that wait, renewed`,
  streams: `beside ${STREAMS} streamed answers`,
  othersQuiet: `ten bots beside ${WAITING_BESIDE_BURNS} answers that wait: quiet`,
  burning: 'and a handler that burns CPU',
  control: 'and another process that burns CPU',
}

/** S3, S4 and S5: what bots feel beside slow handlers of others. */
export async function measureBesides(run: Run, slow: SlowWorld): Promise<Part> {
  const { plan, ground, say } = run
  const results = new Map<Name, LoadResult[]>(NAMES.map((name) => [name, []]))
  const burner = await Party.start<BurnerOrders>(join(ground.built, 'burner.mjs'), {})
  try {
    for (let repeat = 1; repeat <= plan.repeats; repeat += 1) {
      const loads = loadsOf(run, slow, burner, repeat)
      for (const name of NAMES) {
        const result = await loads[name]()
        results.get(name)?.push(result)
        await untilIdle(slow.world)
        say(`  ${repeat}/${plan.repeats} ${LABELS[name]}: reply p99 ${distribution(result.replyMs).p99} ms`)
      }
    }
  } finally {
    await burner.end()
  }
  const of = (name: Name): LoadResult[] => results.get(name) ?? []
  const p99 = (name: Name): number[] => of(name).map(({ replyMs }) => distribution(replyMs).p99)
  return {
    findings: NAMES.map((name) => latencyFinding(LABELS[name], of(name))),
    verdicts: [
      judge('S3', ratio(p99('waiting'), p99('quiet'))),
      judge('S3 renewed', ratio(p99('renewed'), p99('atOnce'))),
      judge('S4', ratio(p99('burning'), p99('othersQuiet'))),
      judge('S4 control', ratio(p99('burning'), p99('control'))),
      judge('S5', ratio(p99('streams'), p99('quiet'))),
    ],
  }
}

function loadsOf(
  { plan }: Run,
  { world, streamText, quick, burning, others, streaming }: SlowWorld,
  burner: Party<BurnerOrders>,
  repeat: number,
): Readonly<Record<Name, () => Promise<LoadResult>>> {
  const { platform, subject } = world
  /** Until waits of a wave are spread over their time. */
  const waveMs = plan.waitMs + plan.warmupMs
  const load = (
    name: Name,
    { apps = quick, warmupMs = plan.warmupMs, durationMs = plan.slowMs } = {},
  ): Promise<LoadResult> =>
    platform.order('open', {
      // The first word of a message may ask for something, see echo.ts.
      prefix: `plain-${name}-${repeat}`,
      chats: world.chats(CHATS_PER_BOT, apps),
      perSecond: PER_SECOND,
      warmupMs,
      durationMs,
      patienceMs: PATIENCE_MS,
    })
  const noise = (text: string, chats: ReturnType<typeof world.chats>, perSecond: number, ms: number) =>
    platform.order('open', { prefix: text, chats, perSecond, warmupMs: 0, durationMs: ms, patienceMs: PATIENCE_MS })
  const held = async (count: number, measure: () => Promise<LoadResult>): Promise<LoadResult> => {
    // Not in the chats that are measured.
    const chats = world.chats(CHATS_PER_BOT + count / others.length, others).slice(CHATS_PER_BOT * others.length)
    const text = `hold ${repeat}`
    const answered = platform.order('burst', { text, chats, patienceMs: 60_000 })
    await until('runs under way', count, () => subject.order('busyRuns'))
    const result = await measure()
    await subject.order('release')
    await answered
    return result
  }
  const beside = async (work: Promise<unknown>, measured: Promise<LoadResult>): Promise<LoadResult> => {
    const result = await measured
    await work
    return result
  }
  const waves = (name: Name, text: string): Promise<LoadResult> => {
    const perSecond = Math.min(MOST_PER_SECOND, (WAITING * 1_000) / plan.waitMs)
    const chats = world.chats(RENEWED_CHATS / others.length, others)
    return beside(noise(`${text}-${repeat}`, chats, perSecond, waveMs + plan.slowMs), load(name, { warmupMs: waveMs }))
  }
  const besideBurns = (name: Name, burns: () => Promise<unknown>): Promise<LoadResult> =>
    held(WAITING_BESIDE_BURNS, () => beside(burns(), load(name, { apps: others })))
  const ms = plan.warmupMs + plan.slowMs
  return {
    quiet: () => load('quiet'),
    waiting: () => held(WAITING, () => load('waiting')),
    atOnce: () => waves('atOnce', 'noise'),
    renewed: () => waves('renewed', `wait-${plan.waitMs}`),
    async streams() {
      const streamMs = Math.min(STREAM_MS, plan.slowMs + 1_000)
      const chats = world.chats(STREAMS / streaming.length, streaming)
      const streams = platform.order('burst', {
        text: streamText(`pour-${streamMs} ${repeat}`),
        chats,
        patienceMs: PATIENCE_MS,
      })
      return beside(streams, load('streams', { warmupMs: 0, durationMs: streamMs }))
    },
    othersQuiet: () => besideBurns('othersQuiet', () => pause(0)),
    burning: () =>
      besideBurns('burning', () => noise(`burn-${repeat}`, world.chats(CHATS_PER_BOT, burning), BURNS_PER_SECOND, ms)),
    control: () =>
      besideBurns('control', () =>
        burner.order('burn', { burnMs: BURN_MS, everyMs: 1_000 / BURNS_PER_SECOND, durationMs: ms }),
      ),
  }
}
