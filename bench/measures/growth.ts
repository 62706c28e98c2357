import { SUBJECTS, World } from '../process/world.ts'
import { distribution, median, ratio, spread } from '../report/figures.ts'
import { judge } from '../report/targets.ts'
import { BOTS, PATIENCE_MS, type Part, type Run, type Section, withWorlds } from '../run.ts'

/** Messages a second, over all bots together. */
const PER_SECOND = 100
const CHATS = 200

/** T5, T7 and T9: what more bots and more messages cost. */
export async function measureGrowth(run: Run): Promise<Section> {
  const { plan } = run
  const big = { bots: plan.manyBots, isUnlimited: true }
  const small = { subject: 'supervisor', isUnlimited: true } as const
  const options = {
    none: { ...small, bots: 0 },
    one: { ...small, bots: 1 },
    ten: { ...small, bots: BOTS },
    many: { ...small, ...big },
  }
  return await withWorlds(run, options, async (worlds) => {
    const overBots = await growOverBots(run, [worlds.one, worlds.ten, worlds.many])
    const overRates = await growOverRates(run, worlds.ten)
    const memory = await measureMemory(run, Object.values(worlds))
    const coldStart = await measureColdStart(run, worlds.many)
    const parts = [overBots, overRates, memory, coldStart]
    return {
      title: 'Growth',
      note: `Supervisor on PostgreSQL, the outbound limits taken away from it and the platform alike. Over bots: ${PER_SECOND} messages a second in all. A cold start is from the start of the process, with the bots in the database, to the last connection.`,
      findings: parts.flatMap(({ findings }) => findings),
      verdicts: parts.flatMap(({ verdicts }) => verdicts),
    }
  })
}

async function growOverBots(run: Run, worlds: readonly World[]): Promise<Part> {
  const latencies = worlds.map((): number[][] => [])
  for (let repeat = 1; repeat <= run.plan.repeats; repeat += 1) {
    for (const [index, world] of worlds.entries()) {
      latencies[index]?.push(await replyLatencies(run, world, `bots-${repeat}`, PER_SECOND))
      run.say(`  ${repeat}/${run.plan.repeats} ${world.apps.length} bots`)
    }
  }
  const p50 = (index: number): number[] => (latencies[index] ?? []).map((repeat) => distribution(repeat).p50)
  const points = worlds.map((world, index) => point(world.apps.length, (latencies[index] ?? []).flat()))
  return {
    findings: [{ kind: 'growth', name: 'send to reply over bots', over: 'bots', points }],
    verdicts: [judge('T9', ratio(p50(worlds.length - 1), p50(0)))],
  }
}

async function growOverRates(run: Run, world: World): Promise<Part> {
  const points: ReturnType<typeof point>[] = []
  for (const rate of run.plan.growthRates) {
    points.push(point(rate, await replyLatencies(run, world, `rate-${rate}`, rate)))
    run.say(`  ${rate} messages a second`)
  }
  return { findings: [{ kind: 'growth', name: 'send to reply over rates', over: 'messages/s', points }], verdicts: [] }
}

async function measureMemory({ say }: Run, worlds: readonly World[]): Promise<Part> {
  const sizes: number[] = []
  for (const { subject } of worlds) sizes.push(await subject.order('rssMb'))
  const bots = worlds.map(({ apps }) => apps.length)
  const [none = 0, most = 0] = [sizes[0], sizes.at(-1)]
  const perBot = (most - none) / (bots.at(-1) ?? 1)
  say(`  memory: ${worlds.map((_, index) => `${bots[index]} bots ${Math.round(sizes[index] ?? 0)} MB`).join(', ')}`)
  return {
    findings: sizes.map((size, index) => ({
      kind: 'value',
      name: `memory with ${bots[index]} bots`,
      unit: 'MB',
      values: [size],
    })),
    verdicts: [judge('T5', spread([perBot])), judge('T5 whole', spread([most]))],
  }
}

/** The bots are in the database already; the bare workers get theirs as they start. */
async function measureColdStart(run: Run, world: World): Promise<Part> {
  const { plan, ground, say } = run
  const ours: number[] = []
  const theirs: number[] = []
  const bare = await World.open(ground, { subject: 'wholeWorkers', bots: plan.manyBots })
  try {
    for (let repeat = 0; repeat < plan.coldStarts; repeat += 1) {
      await bare.stopSubject()
      await world.stopSubject()
      ours.push(await world.startSubject())
      await world.stopSubject()
      theirs.push(await bare.startSubject())
    }
  } finally {
    await bare.close()
  }
  say(`  ${plan.manyBots} bots connected after ${Math.round(median(ours))} ms`)
  const name = (subject: 'supervisor' | 'wholeWorkers'): string =>
    `cold start of ${plan.manyBots} bots, ${SUBJECTS[subject].label}`
  return {
    findings: [
      { kind: 'value', name: name('supervisor'), unit: 'ms', values: ours },
      { kind: 'value', name: name('wholeWorkers'), unit: 'ms', values: theirs },
    ],
    verdicts: [judge('T7', ratio(ours, theirs))],
  }
}

async function replyLatencies({ plan }: Run, world: World, prefix: string, perSecond: number): Promise<number[]> {
  const chatsPerBot = Math.ceil(CHATS / world.apps.length)
  const { replyMs } = await world.platform.order('open', {
    prefix,
    chats: world.chats(chatsPerBot),
    perSecond,
    warmupMs: plan.warmupMs,
    durationMs: plan.growthMs,
    patienceMs: PATIENCE_MS,
  })
  return [...replyMs]
}

function point(x: number, latenciesMs: readonly number[]): { x: number; p50: number; p99: number } {
  const { p50, p99 } = distribution(latenciesMs)
  return { x, p50, p99 }
}
