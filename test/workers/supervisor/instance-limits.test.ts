import { describe, expect, it } from 'vitest'
import { OpenAlerts } from '../../../src/app/open-alerts.ts'
import { resolveOptions } from '../../../src/options/options.ts'
import type { Alert } from '../../../src/protocol/model/events.ts'
import { AlertTracker } from '../../../workers/supervisor/health/alert-tracker.ts'
import { type InstanceFigures, InstanceLimits } from '../../../workers/supervisor/health/instance-limits.ts'

const QUIET: InstanceFigures = { residentMb: 100, workers: [], pool: { stuck: 0 }, oldestAgeMs: 0 }
const LIMITS = { memoryMb: 1_000, oldestAgeMs: 60_000, deadLetters: { count: 3, periodMs: 10_000 } }

/** Looks once a second, and answers what is told for it. */
function watching(limits: object = LIMITS) {
  const { health: options } = resolveOptions({ health: limits }).thread
  const instance = new InstanceLimits(options, { hostRuns: 2 })
  const told: Alert[] = []
  const alerts = new AlertTracker(3, (named) => {
    if (named.kind === 'alert') told.push(named.event)
  })
  let now = 1_700_000_000_000
  const look = (figures: Partial<InstanceFigures> = {}): string[] => {
    const before = told.length
    now += 1_000
    for (const [part, condition] of Object.entries(instance.check({ ...QUIET, ...figures }, now))) {
      alerts.observeInstance(part, condition, now)
    }
    return told.slice(before).map(({ state, kind }) => `${state} ${kind}`)
  }
  return { look, told, died: () => instance.died(now), instance, clock: () => now }
}

describe('limits of the instance', () => {
  it('says nothing of one that is well', () => {
    const { look } = watching()
    expect(look()).toEqual([])
    expect(look({ residentMb: 1_000, oldestAgeMs: 60_000 })).toEqual([])
  })

  it('tells that the process is large, once, with the largest workers, until it is well below', () => {
    const { look, told } = watching()
    const workers = [
      { botId: 'a', name: 'small', memoryMb: 9 },
      { botId: 'b', name: 'new' },
      { botId: 'c', name: 'large', memoryMb: 120 },
    ]
    expect(look({ residentMb: 1_001, workers })).toEqual(['raised memory_high'])
    expect(told[0]?.cause).toContain('1001 MB')
    expect(told[0]?.cause).toMatch(/large 120 MB, small 9 MB$/)
    expect(look({ residentMb: 950 })).toEqual([])
    expect(look({ residentMb: 1_200 })).toEqual([])
    expect(look({ residentMb: 899 })).toEqual(['cleared memory_high'])
    expect(look({ residentMb: 950 })).toEqual([])
  })

  it('tells of threads that do not end, whose they are and which bot gets no further one', () => {
    const { look, told } = watching()
    const workers = [
      { botId: 'a', name: 'Ada' },
      { botId: 'b', name: 'Ben' },
    ]
    const ada = (threads: number) => ({ botId: 'a', threads, isUsedUp: threads > 1 })
    expect(look({ workers, pool: { stuck: 1, stuckBots: [ada(1)] } })).toEqual(['raised handler_stuck'])
    expect(told.at(-1)?.cause).toBe('handlers sit in native code and keep 1 chat thread (Ada 1)')
    expect(told.at(-1)?.nextStep).toContain('other bots are answered')
    expect(told.at(-1)).not.toHaveProperty('extent')
    expect(look({ workers, pool: { stuck: 2, stuckBots: [ada(2)] } })).toEqual(['raised handler_stuck'])
    expect(told.at(-1)?.cause).toContain(
      'keep 2 chat threads (Ada 2); it gets no further thread and its messages fail until one ends: Ada',
    )
    const ben = { botId: 'b', threads: 1, isUsedUp: false }
    // Not more, but another bot.
    expect(look({ workers, pool: { stuck: 2, stuckBots: [ada(1), ben] } })).toEqual(['raised handler_stuck'])
    expect(told.at(-1)?.cause).toContain('(Ada 1, Ben 1)')
    expect(told.at(-1)?.cause).not.toContain('fail')
    expect(look({ workers, pool: { stuck: 1, stuckBots: [ben] } })).toEqual([])
    expect(look({ workers })).toEqual(['cleared handler_stuck'])
    expect(told.at(-1)).toMatchObject({ nextStep: 'nothing: the problem has ended' })
    expect(told.at(-1)).not.toHaveProperty('extent')
  })

  it('tells again that more threads do not end, also where no bot is known', () => {
    const { look } = watching()
    expect(look({ pool: { stuck: 1 } })).toEqual(['raised handler_stuck'])
    expect(look({ pool: { stuck: 1 } })).toEqual([])
    expect(look({ pool: { stuck: 4 } })).toEqual(['raised handler_stuck'])
    expect(look({ pool: { stuck: 2 } })).toEqual([])
    expect(look()).toEqual(['cleared handler_stuck'])
  })

  it('tells that all runs on the thread of the host are overdue', () => {
    const { look } = watching()
    expect(look({ pool: { stuck: 0, overdueOnHost: 1 } })).toEqual([])
    expect(look({ pool: { stuck: 0, overdueOnHost: 2 } })).toEqual(['raised handler_stuck'])
    expect(look()).toEqual(['cleared handler_stuck'])
  })

  it('tells that runs of a handler were together too big for a thread, for as long as there are fewer of them', () => {
    const { look, told, instance, clock } = watching()
    instance.crowded({ handler: '/h.mjs', runsPerThread: 3, untilAt: clock() + 2_000 })
    expect(look()).toEqual(['raised handler_crowded'])
    expect(told[0]?.cause).toContain('/h.mjs')
    expect(look()).toEqual(['cleared handler_crowded'])
  })

  it('tells that the inbox ages and that dead letters pile up, and when that is over', () => {
    const { look, died } = watching()
    expect(look({ oldestAgeMs: 60_001 })).toEqual(['raised inbox_ageing'])
    expect(look({ oldestAgeMs: 80_000 })).toEqual([])
    expect(look()).toEqual(['cleared inbox_ageing'])
    died()
    died()
    expect(look()).toEqual([])
    died()
    expect(look()).toEqual(['raised dead_letters'])
    const later = Array.from({ length: 12 }, () => look()).flat()
    expect(later).toEqual(['cleared dead_letters'])
  })

  it('has no limit where it is 0', () => {
    const { look, died } = watching({ memoryMb: 0, oldestAgeMs: 0, deadLetters: { count: 0 } })
    for (let n = 0; n < 50; n += 1) died()
    expect(look({ residentMb: 100_000, oldestAgeMs: 1e9 })).toEqual([])
  })

  it('takes most of the memory there is for the default', () => {
    const { memoryMb } = resolveOptions().thread.health
    expect(memoryMb).toBeGreaterThan(100)
    expect(() => resolveOptions({ health: { memoryMb: -1 } })).toThrow('health.memoryMb')
  })
})

it('alerts of a supervisor thread that is gone are over', () => {
  const open = new OpenAlerts()
  const alert = { at: 1, kind: 'memory_high', state: 'raised', cause: 'large', nextStep: 'x', nextAt: 9 } as const
  open.observe(alert)
  open.observe({ ...alert, kind: 'foreign_client', botId: 'a' })
  open.observe({ ...alert, kind: 'foreign_client', botId: 'b' })
  open.observe({ ...alert, kind: 'foreign_client', botId: 'b', state: 'cleared' })
  expect(open.end(5)).toMatchObject([
    { at: 5, kind: 'memory_high', state: 'cleared', cause: 'large' },
    { at: 5, kind: 'foreign_client', state: 'cleared', botId: 'a' },
  ])
  expect(open.end(6)).toEqual([])
})
