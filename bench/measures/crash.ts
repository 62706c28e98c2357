import { SUBJECTS, type World } from '../process/world.ts'
import { median, ratio } from '../report/figures.ts'
import { judge } from '../report/targets.ts'
import { BOTS, eachOf, type Run, type Section, withWorlds } from '../run.ts'

const NAMES = ['supervisor', 'bareWorkers'] as const

/** T6: from the connection that a killed worker loses to the one that its successor has. */
export async function measureCrash(run: Run): Promise<Section> {
  const { say } = run
  return await withWorlds(run, eachOf(NAMES, { bots: BOTS }), async (worlds) => {
    const timesMs: Record<(typeof NAMES)[number], number[]> = { supervisor: [], bareWorkers: [] }
    // Every bot once: the second restart in a row would wait on purpose.
    for (const { appId } of worlds.supervisor.apps) {
      for (const name of NAMES) timesMs[name].push(await crash(worlds[name], appId))
    }
    for (const name of NAMES) say(`  ${SUBJECTS[name].label}: p50 ${Math.round(median(timesMs[name]))} ms`)
    return {
      title: 'Worker crash to connected',
      note: `Each of ${BOTS} workers is killed once, while the others idle. The time is that without a connection, seen by the platform.`,
      findings: NAMES.map((name) => ({
        kind: 'value',
        name: SUBJECTS[name].label,
        unit: 'ms',
        values: timesMs[name],
      })),
      verdicts: [judge('T6', ratio([median(timesMs.supervisor)], [median(timesMs.bareWorkers)]))],
    }
  })
}

async function crash({ platform, subject }: World, appId: string): Promise<number> {
  const after = await platform.order('seq')
  const reconnected = platform.order('reconnected', { appId, after })
  await subject.order('killBot', appId)
  return await reconnected
}
