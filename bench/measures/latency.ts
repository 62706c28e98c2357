import type { LoadResult } from '../process/load.ts'
import { SUBJECTS, type World } from '../process/world.ts'
import { distribution, median, ratio, round, spread } from '../report/figures.ts'
import { judge } from '../report/targets.ts'
import {
  BOTS,
  CHATS_PER_BOT,
  type Finding,
  eachOf,
  PATIENCE_MS,
  PER_SECOND,
  type Part,
  type Run,
  type Section,
  withWorlds,
} from '../run.ts'

const NAMES = ['supervisor', 'embedded', 'oneThread', 'channel', 'insertFirst'] as const

/** Half of the other rate: these loads follow each other, and the platform lets a bot answer 1000 messages a minute. */
const BLOCKED_PER_SECOND = 100

/** T1, T2, T8 and T10: the whole way of a message at a fixed rate within the platform's limits. */
export async function measureLatency(run: Run): Promise<Section> {
  const { plan, say } = run
  return await withWorlds(run, eachOf(NAMES, { bots: BOTS }), async (worlds) => {
    for (const name of NAMES) await heat(worlds[name], run)
    const results = new Map<string, LoadResult[]>(NAMES.map((name) => [name, []]))
    const loopDelaysMs: number[] = []
    const cpuMs = new Map<string, number[]>(NAMES.map((name) => [name, []]))
    for (let repeat = 1; repeat <= plan.repeats; repeat += 1) {
      for (const name of NAMES) {
        const world = worlds[name]
        await world.subject.order('loopDelayMs')
        const cpuBefore = await world.subject.order('cpuMs')
        const result = await load(world, `${name}-${repeat}`, run, plan.latencyMs)
        if (name === 'embedded') loopDelaysMs.push(await world.subject.order('loopDelayMs'))
        results.get(name)?.push(result)
        const messages = (PER_SECOND * (plan.warmupMs + plan.latencyMs)) / 1_000
        cpuMs.get(name)?.push(((await world.subject.order('cpuMs')) - cpuBefore) / messages)
        const { p50, p99 } = distribution(result.replyMs)
        say(`  ${repeat}/${plan.repeats} ${SUBJECTS[name].label}: reply p50 ${p50} ms, p99 ${p99} ms`)
      }
    }
    const p = (name: string, percentile: 'p50' | 'p99'): number[] =>
      (results.get(name) ?? []).map(({ replyMs }) => distribution(replyMs)[percentile])
    const blocked = await measureBlockedHost(run, worlds.supervisor)
    return {
      title: 'Latency',
      note: `${BOTS} bots, ${PER_SECOND} messages a second over ${BOTS * CHATS_PER_BOT} chats, within the platform's limits. PGlite does no fsync, PostgreSQL does.`,
      findings: [
        ...NAMES.map((name) => ({
          ...latencyFinding(SUBJECTS[name].label, results.get(name) ?? []),
          cpuMs: round(median(cpuMs.get(name) ?? [])),
        })),
        ...blocked.findings,
      ],
      verdicts: [
        judge('T1', ratio(p('supervisor', 'p50'), p('insertFirst', 'p50'))),
        judge('T2', ratio(p('supervisor', 'p99'), p('insertFirst', 'p99'))),
        judge('T8', ratio(p('embedded', 'p50'), p('insertFirst', 'p50'))),
        judge('T8 loop', spread(loopDelaysMs)),
        ...blocked.verdicts,
      ],
    }
  })
}

/** The host's thread is blocked in the middle of the load: half of the time, as long as the plan says. */
async function measureBlockedHost(run: Run, world: World): Promise<Part> {
  const { plan, say } = run
  const free: LoadResult[] = []
  const blocked: LoadResult[] = []
  for (let repeat = 1; repeat <= plan.repeats; repeat += 1) {
    free.push(await load(world, `free-${repeat}`, run, 2 * plan.blockedMs, BLOCKED_PER_SECOND))
    const running = load(world, `blocked-${repeat}`, run, 2 * plan.blockedMs, BLOCKED_PER_SECOND)
    await new Promise((resolve) => setTimeout(resolve, plan.warmupMs + plan.blockedMs / 2))
    await world.subject.order('block', plan.blockedMs)
    blocked.push(await running)
    say(`  ${repeat}/${plan.repeats} host blocked ${plan.blockedMs} ms of ${2 * plan.blockedMs} ms`)
  }
  const p99 = (results: readonly LoadResult[]): number[] => results.map(({ ackMs }) => distribution(ackMs).p99)
  return {
    findings: [latencyFinding('host free', free), latencyFinding('host blocked half of the time', blocked)],
    verdicts: [judge('T10', ratio(p99(blocked), p99(free)))],
  }
}

/** At twice the rate that is measured: within the platform's limits of a second, and not so long that it uses up those of a minute. */
export async function heat(world: World, run: Run): Promise<void> {
  await load(world, 'heat', run, run.plan.heatMs, 2 * PER_SECOND, 0)
}

function load(
  world: World,
  prefix: string,
  { plan }: Run,
  durationMs: number,
  perSecond = PER_SECOND,
  warmupMs = plan.warmupMs,
): Promise<LoadResult> {
  return world.platform.order('open', {
    prefix,
    chats: world.chats(CHATS_PER_BOT),
    perSecond,
    warmupMs,
    durationMs,
    patienceMs: PATIENCE_MS,
  })
}

/** All repeats together. */
export function latencyFinding(name: string, results: readonly LoadResult[]): Finding {
  return {
    kind: 'latency',
    name,
    ack: distribution(results.flatMap(({ ackMs }) => ackMs)),
    reply: distribution(results.flatMap(({ replyMs }) => replyMs)),
    missing: results.reduce((sum, { missing }) => sum + missing, 0),
  }
}
