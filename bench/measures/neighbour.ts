import type { LoadResult } from '../process/load.ts'
import type { World, WorldOptions } from '../process/world.ts'
import { distribution, ratio } from '../report/figures.ts'
import { judge } from '../report/targets.ts'
import { BOTS, CHATS_PER_BOT, PATIENCE_MS, PER_SECOND, type Run, type Section, withWorlds } from '../run.ts'
import { heat, latencyFinding } from './latency.ts'

/** Of the quiet bots, each: as in all latency runs. */
const PER_SECOND_AND_BOT = PER_SECOND / BOTS
/** Messages a second that each cost 200 ms of CPU. */
const BURNS_PER_SECOND = 4
const FLOOD_PER_SECOND = 400
const KILL_EVERY_MS = 250

/** `restart`: the crash loop, restarted with hardly a wait, several times a second; for users it waits longer and longer. */
type Noise = 'quiet' | 'burn' | 'crash' | 'restart' | 'flood'

/** T4: what the other bots feel while one of them misbehaves. */
export async function measureNeighbour(run: Run): Promise<Section> {
  const { plan, say } = run
  const results: Record<Noise | 'A' | 'A quiet', LoadResult[]> = {
    quiet: [],
    burn: [],
    crash: [],
    restart: [],
    flood: [],
    'A quiet': [],
    A: [],
  }
  const open = async <T>(options: Partial<WorldOptions>, use: (world: World) => Promise<T>): Promise<T> =>
    await withWorlds(run, { noisy: { subject: 'supervisor', bots: BOTS, ...options } }, async ({ noisy }) => {
      await heat(noisy, run)
      return await use(noisy)
    })
  await open({}, (ours) =>
    open({ subject: 'oneThread' }, async (theirs) => {
      for (let repeat = 1; repeat <= plan.repeats; repeat += 1) {
        const measure = async (key: keyof typeof results, world: World, noise: Noise): Promise<void> => {
          const result = await loadBeside(noise, `${key}-${repeat}`, world, run)
          results[key].push(result)
          say(`  ${repeat}/${plan.repeats} ${key}: the others' reply p99 ${distribution(result.replyMs).p99} ms`)
        }
        await measure('quiet', ours, 'quiet')
        await measure('A quiet', theirs, 'quiet')
        await measure('burn', ours, 'burn')
        await measure('A', theirs, 'burn')
        // A world of its own each time: waits before restarts, and what a flood leaves behind, go on for long.
        await open({ hasBackoff: true }, (world) => measure('crash', world, 'crash'))
        if (plan.hasHastyRestarts) await open({}, (world) => measure('restart', world, 'restart'))
        await open({}, (world) => measure('flood', world, 'flood'))
      }
    }),
  )
  const p99 = (key: keyof typeof results): number[] => results[key].map(({ replyMs }) => distribution(replyMs).p99)
  return {
    title: 'Noisy neighbour',
    note: `One of ${BOTS} bots misbehaves, the figures are those of the others at ${PER_SECOND_AND_BOT} messages a second each: its handler burns 200 ms of CPU ${BURNS_PER_SECOND} times a second; its worker is killed every ${KILL_EVERY_MS} ms if there is one, with the waits before restarts that users have, and with hardly any; ${FLOOD_PER_SECOND} messages a second arrive for it.`,
    findings: [
      latencyFinding('quiet', results.quiet),
      latencyFinding('handler burns CPU', results.burn),
      latencyFinding('worker crash-loops', results.crash),
      ...(results.restart.length === 0 ? [] : [latencyFinding('worker crash-loops, hardly a wait', results.restart)]),
      latencyFinding('flooded', results.flood),
      latencyFinding('A: quiet', results['A quiet']),
      latencyFinding('A: handler burns CPU', results.A),
    ],
    verdicts: [
      judge('T4', ratio(p99('burn'), p99('A'))),
      judge('T4 quiet', ratio(p99('burn'), p99('quiet'))),
      judge('T4 crash', ratio(p99('crash'), p99('quiet'))),
      judge('T4 flood', ratio(p99('flood'), p99('quiet'))),
    ],
  }
}

async function loadBeside(noise: Noise, prefix: string, world: World, { plan }: Run): Promise<LoadResult> {
  const [noisy, ...others] = world.apps
  if (noisy === undefined) throw new Error('there are no apps')
  const load = { warmupMs: plan.warmupMs, durationMs: plan.neighbourMs }
  const measured = world.platform.order('open', {
    ...load,
    prefix: `others-${prefix}`,
    chats: world.chats(CHATS_PER_BOT, others),
    perSecond: PER_SECOND_AND_BOT * others.length,
    patienceMs: PATIENCE_MS,
  })
  const noiseLoad = (perSecond: number): Promise<unknown> =>
    world.platform.order('open', {
      ...load,
      prefix: `${noise}-${prefix}`,
      chats: world.chats(CHATS_PER_BOT, [noisy]),
      perSecond,
      patienceMs: 0,
    })
  const over = new AbortController()
  const crashing = async (): Promise<void> => {
    while (!over.signal.aborted) {
      // It may be between two lives.
      await world.subject.order('killBot', noisy.appId).catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, KILL_EVERY_MS))
    }
  }
  const noises: Record<Noise, () => Promise<unknown>> = {
    quiet: () => Promise.resolve(),
    burn: () => noiseLoad(BURNS_PER_SECOND),
    crash: crashing,
    restart: crashing,
    flood: () => noiseLoad(FLOOD_PER_SECOND),
  }
  const noiseEnd = noises[noise]()
  const result = await measured
  over.abort()
  await noiseEnd
  return result
}
