import { describe, expect, it } from 'vitest'
import { InboundLimit } from '../../src/messages/intake/inbound-limit.ts'

const T = 1_700_000_000_000

function takes(limit: InboundLimit, count: number, now: number, botId = 'a'): number[] {
  return Array.from({ length: count }, () => limit.take(botId, now))
}

describe('the inbound limit', () => {
  it('lets a burst begin at once and spreads the rest', () => {
    const limit = new InboundLimit({ perSecond: 10, burst: 3 })
    expect(takes(limit, 6, T)).toEqual([0, 0, 0, 100, 200, 300])
  })

  it('holds in every second, however the events arrive', () => {
    const limit = new InboundLimit({ perSecond: 50, burst: 200 })
    const begins: number[] = []
    for (let ms = 0; ms < 20_000; ms += 5) begins.push(ms + limit.take('a', T + ms))
    const perSecond = new Map<number, number>()
    for (const at of begins) perSecond.set(Math.floor(at / 1_000), (perSecond.get(Math.floor(at / 1_000)) ?? 0) + 1)
    expect(Math.max(...[...perSecond.values()].slice(2))).toBeLessThanOrEqual(51)
    expect(begins).toEqual(begins.toSorted((a, b) => a - b))
  })

  it('gets its burst back with time, never more', () => {
    const limit = new InboundLimit({ perSecond: 10, burst: 3 })
    takes(limit, 6, T)
    expect(takes(limit, 2, T + 400)).toEqual([0, 100])
    expect(takes(limit, 4, T + 3_600_000)).toEqual([0, 0, 0, 100])
  })

  it('counts each bot alone', () => {
    const limit = new InboundLimit({ perSecond: 10, burst: 1 })
    takes(limit, 100, T)
    expect(limit.take('b', T)).toBe(0)
  })

  it('makes nobody wait for a clock that was set back', () => {
    const limit = new InboundLimit({ perSecond: 10, burst: 1 })
    takes(limit, 2, T)
    expect(limit.take('a', T - 3_600_000)).toBe(200)
    expect(limit.take('a', T - 3_600_000 + 1_000)).toBe(0)
  })

  it('may differ for a bot, from the next message on', () => {
    let burst = 1
    const limit = new InboundLimit({ perSecond: 10, burst: 3 }, (botId) => (botId === 'a' ? { burst } : {}))
    expect([limit.take('a', 0), limit.take('a', 0), limit.take('b', 0)]).toEqual([0, 100, 0])
    burst = 5
    expect(limit.take('a', 0)).toBe(0)
  })
})
