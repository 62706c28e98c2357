import type { Run, Section } from '../run.ts'
import { measureBesides } from './slow/beside.ts'
import { measureBursts } from './slow/bursts.ts'
import { measureDeaths } from './slow/deaths.ts'
import { measureHeap } from './slow/heap.ts'
import { withSlowWorld } from './slow/slow-world.ts'

/** S1 to S5: handlers that wait, as for a model. */
export async function measureSlow(run: Run): Promise<Section> {
  const parts = [await measureBursts(run), await measureDeaths(run)]
  parts.push(
    ...(await withSlowWorld(run, async (world) => [await measureHeap(run, world), await measureBesides(run, world)])),
  )
  return {
    title: 'Slow handlers',
    note: `Every answer waits, as for a model. Without outbound limits but for the bot with 40 chats. Where others are measured beside them, it is a quick bot with 50 messages a second, or ten bots with as many in all.`,
    findings: parts.flatMap(({ findings }) => findings),
    verdicts: parts.flatMap(({ verdicts }) => verdicts),
  }
}
