import { DEED_NAMES } from '../../parties/deeds.ts'
import { spread } from '../../report/figures.ts'
import { judge } from '../../report/targets.ts'
import type { Finding, Part, Run } from '../../run.ts'
import { withWorlds } from '../../run.ts'

const WAITING = 100
const HANG_MS = 1_000
const PATIENCE_MS = 60_000

/** A bot's handler ends its thread while another bot's answers wait there. */
export async function measureDeaths(run: Run): Promise<Part> {
  const { plan, say } = run
  const options = { subject: 'supervisor', bots: 2, isUnlimited: true, handlerHangMs: HANG_MS } as const
  const seconds = await withWorlds(run, { ours: options }, async ({ ours: world }) => {
    const [victim, culprit] = world.apps
    if (victim === undefined || culprit === undefined) throw new Error('there are no apps')
    await world.platform.order('burst', { text: 'first', chats: world.chats(10), patienceMs: PATIENCE_MS })
    const all: number[] = []
    for (const deed of DEED_NAMES) {
      const waiting = world.platform.order('burst', {
        text: `wait-${plan.waitMs} ${deed}`,
        chats: world.chats(WAITING, [victim]),
        patienceMs: PATIENCE_MS,
      })
      const done = world.platform.order('burst', {
        text: deed,
        chats: world.chats(1, [culprit]),
        patienceMs: PATIENCE_MS,
      })
      const { ms, missing, repeated } = await waiting
      if (missing + repeated > 0) throw new Error(`${deed}: ${missing} not answered, ${repeated} at a later attempt`)
      await done
      say(`  ${deed}: all ${WAITING} answered after ${Math.round(ms)} ms`)
      all.push(ms / 1_000)
    }
    return all
  })
  const findings = DEED_NAMES.map(
    (deed, index): Finding => ({
      kind: 'value',
      name: `${WAITING} answers beside one that ends its thread: ${deed}`,
      unit: 's',
      values: [seconds[index] ?? Number.NaN],
    }),
  )
  const { least, most } = spread(seconds)
  return { findings, verdicts: [judge('S1 deaths', { value: most, least, most })] }
}
