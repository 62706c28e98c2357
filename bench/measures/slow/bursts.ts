import type { BurstResult } from '../../process/burst.ts'
import type { World } from '../../process/world.ts'
import { ratio, spread } from '../../report/figures.ts'
import { judge } from '../../report/targets.ts'
import { BOTS, type Finding, type Part, type Run, withWorlds } from '../../run.ts'

/** One bot with the options of a user. */
const DEFAULT_CHATS = 40
const DEFAULT_WAIT_MS = 5_000

/** Beyond what the answers wait. */
const PATIENCE_MS = 60_000

/** S1: every chat writes at the same time. */
export async function measureBursts(run: Run): Promise<Part> {
  const { plan, say } = run
  const big = 2 * BOTS
  const seconds = new Map<string, number[]>()
  const add = (name: string, { ms, missing }: BurstResult, chats: number): void => {
    if (missing > 0) throw new Error(`${missing} of ${chats} messages were not answered: ${name}`)
    seconds.set(name, [...(seconds.get(name) ?? []), ms / 1_000])
    say(`  ${name}: all ${chats} answered after ${Math.round(ms)} ms`)
  }
  const options = {
    alone: { subject: 'supervisor', bots: 1 },
    ours: { subject: 'supervisor', bots: BOTS, isUnlimited: true },
    theirs: { subject: 'oneThread', bots: BOTS, isUnlimited: true },
    oursTwice: { subject: 'supervisor', bots: big, isUnlimited: true },
    theirsTwice: { subject: 'oneThread', bots: big, isUnlimited: true },
  } as const
  await withWorlds(run, options, async (worlds) => {
    for (const world of Object.values(worlds)) await burst(world, 2 * world.apps.length, 'first', 0)
    for (let repeat = 1; repeat <= plan.repeats; repeat += 1) {
      const waitMs = plan.name === 'smoke' ? plan.waitMs : DEFAULT_WAIT_MS
      add(ALONE, await burst(worlds.alone, DEFAULT_CHATS, `${repeat}`, waitMs), DEFAULT_CHATS)
      for (const name of ['ours', 'theirs', 'oursTwice', 'theirsTwice'] as const) {
        const chats = worlds[name].apps.length === big ? 2 * plan.burstChats : plan.burstChats
        add(name, await burst(worlds[name], chats, `${repeat}`, plan.waitMs), chats)
      }
    }
  })
  const of = (name: string): number[] => seconds.get(name) ?? []
  const finding = (name: string, values: readonly number[]): Finding => ({ kind: 'value', name, unit: 's', values })
  const { burstChats: chats } = plan
  return {
    findings: [
      finding(`${DEFAULT_CHATS} chats of one bot, options as they are`, of(ALONE)),
      finding(`${chats} chats of ${BOTS} bots`, of('ours')),
      finding(`A: ${chats} chats of ${BOTS} bots`, of('theirs')),
      finding(`${2 * chats} chats of ${big} bots`, of('oursTwice')),
      finding(`A: ${2 * chats} chats of ${big} bots`, of('theirsTwice')),
    ],
    verdicts: [
      judge('S1 default', spread(of(ALONE))),
      judge('S1 time', spread(of('ours'))),
      judge('S1', ratio(of('ours'), of('theirs'))),
      judge('S1 twice', ratio(of('oursTwice'), of('theirsTwice'))),
    ],
  }
}

const ALONE = 'one bot'

function burst(world: World, chats: number, name: string, waitMs: number): Promise<BurstResult> {
  return world.platform.order('burst', {
    text: `wait-${waitMs} ${name}`,
    chats: world.chats(Math.ceil(chats / world.apps.length)).slice(0, chats),
    patienceMs: waitMs + PATIENCE_MS,
  })
}
