import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OutboundLimits } from '../../src/messages/reply/outbound-limits.ts'
import { FakeClock } from '../support/fake-clock.ts'

function limits(perChatPerSecond = 5, perBotPerSecond = 50) {
  const clock = { at: 1_000_000, now: () => clock.at }
  return { clock, limits: new OutboundLimits({ perChatPerSecond, perBotPerSecond, clock }) }
}

describe('the limit of a chat', () => {
  it('lets a burst of its size through and then one for each that is a second old', () => {
    const { limits: subject, clock } = limits()
    for (let n = 0; n < 5; n++) {
      expect(subject.take('a', 'c')).toBe(0)
      clock.at += 10
    }
    expect(subject.take('a', 'c')).toBe(1_000)
    clock.at += 999
    expect(subject.take('a', 'c')).toBe(1)
    clock.at += 1
    expect(subject.take('a', 'c')).toBe(0)
    expect(subject.take('a', 'c')).toBe(10)
  })

  it('is shared by all bots, and nobody else waits for it', () => {
    const { limits: subject } = limits()
    for (const bot of ['a', 'b', 'c', 'd', 'e']) expect(subject.take(bot, 'c1')).toBe(0)
    expect(subject.take('f', 'c1')).toBeGreaterThan(0)
    expect(subject.take('f', 'c2')).toBe(0)
    expect(subject.take('a', 'c2')).toBe(0)
  })
})

describe('the limit of a bot', () => {
  it('counts all its chats, and no other bot', () => {
    const { limits: subject } = limits()
    for (let n = 0; n < 50; n++) expect(subject.take('a', `c${n}`)).toBe(0)
    expect(subject.take('a', 'c99')).toBe(1_050)
    expect(subject.take('b', 'c99')).toBe(0)
  })

  it('is not used up by sends that wait for their chat', () => {
    const { limits: subject } = limits(1, 3)
    for (let n = 0; n < 100; n++) subject.take('a', 'busy')
    expect(subject.take('a', 'c1')).toBe(0)
    expect(subject.take('a', 'c2')).toBe(0)
    expect(subject.take('a', 'c3')).toBeGreaterThan(0)
  })
})

it('no second holds more than the limits, however the sends come', () => {
  const gaps = fc.array(fc.tuple(fc.nat({ max: 300 }), fc.constantFrom('a', 'b'), fc.constantFrom('c', 'd')), {
    maxLength: 120,
  })
  fc.assert(
    fc.property(gaps, (sends) => {
      const { limits: subject, clock } = limits(3, 4)
      const gone: { at: number; bot: string; chat: string }[] = []
      for (const [gapMs, bot, chat] of sends) {
        clock.at += gapMs
        for (let waitMs = subject.take(bot, chat); waitMs > 0; waitMs = subject.take(bot, chat)) clock.at += waitMs
        gone.push({ at: clock.at, bot, chat })
      }
      let mostOfChat = 0
      let mostOfBot = 0
      for (const { at } of gone) {
        const second = gone.filter((send) => send.at >= at && send.at < at + 1_000)
        for (const chat of ['c', 'd'])
          mostOfChat = Math.max(mostOfChat, second.filter((send) => send.chat === chat).length)
        for (const bot of ['a', 'b']) mostOfBot = Math.max(mostOfBot, second.filter((send) => send.bot === bot).length)
      }
      expect(mostOfChat).toBeLessThanOrEqual(3)
      expect(mostOfBot).toBeLessThanOrEqual(4)
    }),
  )
})

describe('a pause', () => {
  it('holds one bot, or one chat, until it is over', () => {
    const { limits: subject, clock } = limits()
    subject.pauseBot('a', 3_000)
    subject.pauseChat('c2', 2_000)
    expect(subject.take('a', 'c1')).toBe(3_000)
    expect(subject.take('b', 'c1')).toBe(0)
    expect(subject.take('b', 'c2')).toBe(2_000)
    clock.at += 3_000
    expect(subject.take('a', 'c2')).toBe(0)
  })

  it('is never cut short by a shorter one', () => {
    const { limits: subject } = limits()
    subject.pauseBot('a', 3_000)
    subject.pauseBot('a', 10)
    expect(subject.take('a', 'c')).toBe(3_000)
  })
})

describe('memory', () => {
  it('holds the last second only: 100 000 chats leave nothing', () => {
    const { limits: subject, clock } = limits(5, 1_000_000)
    let waited = 0
    for (let n = 0; n < 100_000; n++) {
      if (subject.take(`bot${n % 10}`, `c${n}`) !== 0) waited += 1
      if (n % 100 === 99) clock.at += 1
    }
    expect(waited).toBe(0)
    expect(subject.size).toBeGreaterThan(90_000)
    clock.at += 1_050
    subject.take('bot', 'c')
    expect(subject.size).toBe(2)
  })

  it('holds no pause that is over once another begins', () => {
    const { limits: subject, clock } = limits()
    for (let n = 0; n < 1_000; n++) subject.pauseChat(`c${n}`, 100)
    clock.at += 100
    subject.pauseChat('c', 100)
    expect(subject.size).toBe(1)
  })
})

it('a clock that is set back holds up nothing', () => {
  const { limits: subject, clock } = limits()
  for (let n = 0; n < 5; n++) subject.take('a', 'c')
  clock.at -= 3_600_000
  expect(subject.take('a', 'c')).toBe(0)
})

it('those who wait come in the order in which they asked', async () => {
  const clock = new FakeClock()
  const subject = new OutboundLimits({ perChatPerSecond: 2, perBotPerSecond: 50, clock })
  const order: number[] = []
  const ask = (n: number): void => {
    const waitMs = subject.take(`bot${n}`, 'c')
    if (waitMs === 0) order.push(n)
    else clock.after(waitMs, () => ask(n))
  }
  for (let n = 0; n < 9; n++) ask(n)
  await clock.advance(10_000)
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
})

it('a bot may have a limit of its own, from the next message on', () => {
  let own: number | undefined = 1
  const clock = new FakeClock()
  const ofBot = (botId: string) => (botId === 'a' ? own : undefined)
  const subject = new OutboundLimits({ perChatPerSecond: 5, perBotPerSecond: 50, ofBot, clock })
  expect([subject.take('a', 'c1'), subject.take('b', 'c2')]).toEqual([0, 0])
  expect([subject.take('a', 'c3'), subject.take('b', 'c4')]).toEqual([1_050, 0])
  own = undefined
  expect(subject.take('a', 'c3')).toBe(0)
})
