import { describe, expect, it } from 'vitest'
import { type WatchdogState, observe, startWatchdog } from '../../src/core/lifecycle/watchdog.ts'
import { FakeClock } from '../support/fake-clock.ts'

const EVERY_MS = 100

describe('one look', () => {
  const still: WatchdogState = { beats: 7, stillMs: 300 }
  it.each<[string, { beats: number; utilization: number }, number, number]>([
    ['at a thread that computes and does not beat counts', { beats: 7, utilization: 1 }, EVERY_MS, 400],
    ['at one that beats clears it', { beats: 8, utilization: 1 }, EVERY_MS, 0],
    ['at one whose loop waits clears it', { beats: 7, utilization: 0.5 }, EVERY_MS, 0],
    ['that comes late says nothing', { beats: 7, utilization: 1 }, 5_000, 300],
    ['after the clock was set back says nothing', { beats: 7, utilization: 1 }, -5_000, 300],
    ['that comes late at one that beats clears it', { beats: 8, utilization: 1 }, 5_000, 0],
  ])('%s', (_name, pulse, elapsedMs, stillMs) => {
    expect(observe(still, pulse, elapsedMs, EVERY_MS)).toEqual({ beats: pulse.beats, stillMs })
  })
})

describe('the watch', () => {
  function watched(utilization: number) {
    const clock = new FakeClock()
    const thread = { beats: 0, hungCount: 0 }
    const end = startWatchdog(
      () => ({ beats: thread.beats, utilization }),
      { heartbeatMs: EVERY_MS, hangAfterMs: 300 },
      clock,
      () => {
        thread.hungCount += 1
      },
    )
    return { clock, thread, end }
  }

  it('tells a hang once, at the limit, and looks no more', async () => {
    const { clock, thread } = watched(1)
    await clock.advance(299)
    expect(thread.hungCount).toBe(0)
    await clock.advance(1_000)
    expect(thread).toEqual({ beats: 0, hungCount: 1 })
    expect(clock.timerCount).toBe(0)
  })

  it('counts anew after a beat', async () => {
    const { clock, thread } = watched(1)
    await clock.advance(200)
    thread.beats += 1
    await clock.advance(399)
    expect(thread.hungCount).toBe(0)
    await clock.advance(1)
    expect(thread.hungCount).toBe(1)
  })

  it('never blames a thread that only waits', async () => {
    const { clock, thread } = watched(0)
    await clock.advance(100_000)
    expect(thread.hungCount).toBe(0)
  })

  it('ends when it is told to', async () => {
    const { clock, thread, end } = watched(1)
    end()
    await clock.advance(1_000)
    expect(thread.hungCount).toBe(0)
  })
})
