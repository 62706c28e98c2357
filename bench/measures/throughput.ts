import type { ClosedLoad } from '../process/load.ts'
import { SUBJECTS, type World } from '../process/world.ts'
import { ratio } from '../report/figures.ts'
import { judge } from '../report/targets.ts'
import { BOTS, eachOf, type Run, type Section, withWorlds } from '../run.ts'

const NAMES = ['supervisor', 'insertFirst', 'embedded', 'oneThread', 'channel'] as const
/** Messages in flight, each in a chat of its own. */
const IN_FLIGHT = 64

/** T3: as many messages as go through, the next one of a chat following each reply. */
export async function measureThroughput(run: Run): Promise<Section> {
  const { plan, say } = run
  return await withWorlds(run, eachOf(NAMES, { bots: BOTS, isUnlimited: true }), async (worlds) => {
    const perSecond = new Map<string, number[]>(NAMES.map((name) => [name, []]))
    for (const name of NAMES) await load(worlds[name], { prefix: 'heat', warmupMs: 0, durationMs: plan.heatMs })
    for (let repeat = 1; repeat <= plan.repeats; repeat += 1) {
      for (const name of NAMES) {
        const value = await load(worlds[name], {
          prefix: `closed-${repeat}`,
          warmupMs: plan.warmupMs,
          durationMs: plan.throughputMs,
        })
        perSecond.get(name)?.push(value)
        say(`  ${repeat}/${plan.repeats} ${SUBJECTS[name].label}: ${Math.round(value)}/s`)
      }
    }
    const of = (name: string): number[] => perSecond.get(name) ?? []
    return {
      title: 'Throughput',
      note: `${BOTS} bots, ${IN_FLIGHT} messages in flight, the outbound limits taken away from the platform and the supervisor alike (the baselines have none).`,
      findings: NAMES.map((name) => ({ kind: 'value', name: SUBJECTS[name].label, unit: '/s', values: of(name) })),
      verdicts: [judge('T3', ratio(of('supervisor'), of('insertFirst')))],
    }
  })
}

function load(world: World, closed: Omit<ClosedLoad, 'chats'>): Promise<number> {
  const chats = world.chats(Math.ceil(IN_FLIGHT / BOTS)).slice(0, IN_FLIGHT)
  return world.platform.order('closed', { ...closed, chats })
}
