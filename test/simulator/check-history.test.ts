import { describe, expect, it } from 'vitest'
import { checkHistory } from '../../src/simulator/history/check-history.ts'
import type { HistoryEntry, HistoryEvent } from '../../src/simulator/history/history.ts'
import { seededRandom } from '../../src/simulator/shared/ids.ts'

type Step = readonly [what: 'sent' | 'pushed' | 'acked' | 'failed' | 'reply', message: string, at?: number]

/** One entry per step, 10 ms apart unless a step says otherwise; the chat is the message's first letter. */
function historyOf(...steps: Step[]): HistoryEntry[] {
  return entriesOf(steps)
}

function entriesOf(steps: readonly Step[]): HistoryEntry[] {
  return steps.map(([what, message, at], index) => ({
    seq: index + 1,
    at: at ?? index * 10,
    ...eventOf(what, message),
  }))
}

function eventOf(what: Step[0], messageId: string): HistoryEvent {
  const appId = 'cli_0000000000000001'
  const chatId = messageId.slice(0, 1)
  const delivery = { appId, eventId: `e-${messageId}`, messageId, deliveryId: `d-${messageId}`, attempt: 1 }
  const ack = { kind: 'acked', ...delivery, connectionId: 'c', late: false } as const
  switch (what) {
    case 'sent':
      return { kind: 'sent', appId, chatId, messageId, eventId: delivery.eventId, text: messageId, index: 0 }
    case 'pushed':
      return { kind: 'pushed', ...delivery, connectionId: 'c' }
    case 'acked':
      return { ...ack, code: 200, latencyMs: 12 }
    case 'failed':
      return { ...ack, code: 500, latencyMs: 900 }
    case 'reply':
    default:
      return {
        kind: 'message_created',
        appId,
        chatId,
        messageId: 'om',
        replyTo: messageId,
        msgType: 'text',
        content: '',
      }
  }
}

const handled = (message: string): Step[] => [
  ['sent', message],
  ['pushed', message],
  ['acked', message],
  ['reply', message],
]

describe('checkHistory', () => {
  it('finds nothing wrong in an empty history', () => {
    expect(checkHistory([])).toMatchObject({ sent: 0, lost: 0, duplicated: 0, reordered: 0, maxAckMs: 0, p99Ms: 0 })
  })

  it('finds nothing wrong in a good history', () => {
    const check = checkHistory(historyOf(...handled('a1'), ...handled('a2'), ...handled('b1')))
    expect(check).toMatchObject({ sent: 3, acked: 3, replied: 3, lost: 0, duplicated: 0, reordered: 0 })
    expect(check).toMatchObject({ lostIds: [], duplicatedIds: [], reorderedPairs: [] })
  })

  it('finds a lost message', () => {
    const check = checkHistory(historyOf(...handled('a1'), ['sent', 'a2'], ['pushed', 'a2'], ['acked', 'a2']))
    expect(check).toMatchObject({ sent: 2, acked: 2, replied: 1, lost: 1, lostIds: ['a2'] })
  })

  it('finds duplicated replies', () => {
    const check = checkHistory(
      historyOf(...handled('a1'), ['reply', 'a1'], ['reply', 'a1'], ...handled('a2'), ['reply', 'a2']),
    )
    expect(check).toMatchObject({ replied: 2, lost: 0, duplicated: 3, duplicatedIds: ['a1', 'a2'] })
  })

  it('does not count an ack with another code than 200', () => {
    const check = checkHistory(historyOf(['sent', 'a1'], ['pushed', 'a1'], ['failed', 'a1'], ['reply', 'a1']))
    expect(check).toMatchObject({ acked: 0, maxAckMs: 0 })
  })

  const pushAck = (message: string): Step[] => [
    ['sent', message],
    ['pushed', message],
    ['acked', message],
  ]

  it('finds a reply that overtook another', () => {
    const check = checkHistory(historyOf(...pushAck('a1'), ...pushAck('a2'), ['reply', 'a2'], ['reply', 'a1']))
    expect(check).toMatchObject({ reordered: 1, reorderedPairs: [{ first: 'a1', second: 'a2' }] })
  })

  it('counts every overtaken message', () => {
    const steps = [...pushAck('a1'), ...pushAck('a2'), ...pushAck('a3')]
    const check = checkHistory(historyOf(...steps, ['reply', 'a3'], ['reply', 'a2'], ['reply', 'a1']))
    expect(check.reordered).toBe(3)
  })

  it('allows any order of messages that were under way together', () => {
    const pushed: Step[] = [
      ['sent', 'a1'],
      ['pushed', 'a1'],
      ['sent', 'a2'],
      ['pushed', 'a2'],
      ['acked', 'a1'],
    ]
    expect(checkHistory(historyOf(...pushed, ['reply', 'a2'], ['reply', 'a1'])).reordered).toBe(0)
  })

  it('allows any order across chats', () => {
    const check = checkHistory(historyOf(...pushAck('a1'), ...pushAck('b1'), ['reply', 'b1'], ['reply', 'a1']))
    expect(check.reordered).toBe(0)
  })

  it('judges by the first reply and the first push', () => {
    const first = [...pushAck('a1'), ...pushAck('a2')]
    expect(checkHistory(historyOf(...first, ['reply', 'a1'], ['reply', 'a2'], ['reply', 'a1'])).reordered).toBe(0)
    const pushedEarly: Step[] = [
      ['sent', 'a1'],
      ['pushed', 'a1'],
      ['sent', 'a2'],
      ['pushed', 'a2'],
      ['acked', 'a1'],
    ]
    const check = checkHistory(historyOf(...pushedEarly, ['pushed', 'a2'], ['reply', 'a2'], ['reply', 'a1']))
    expect(check.reordered).toBe(0)
  })

  it('takes percentiles of first push to first reply by nearest rank', () => {
    const steps = Array.from({ length: 200 }, (_, index): Step[] => [
      ['sent', `a${index}`, 0],
      ['pushed', `a${index}`, 1000],
      ['reply', `a${index}`, 1001 + index],
      ['reply', `a${index}`, 9999],
    ])
    expect(checkHistory(historyOf(...steps.flat()))).toMatchObject({ p50Ms: 100, p99Ms: 198 })
  })

  it('agrees with the definition, pair by pair, on random histories', () => {
    const random = seededRandom(42)
    for (let round = 0; round < 200; round += 1) {
      const history = randomHistory(random, 8)
      expect(checkHistory(history).reordered).toBe(reorderedByDefinition(history))
    }
  })

  it('checks 100 000 messages of one chat', () => {
    const messages = Array.from({ length: 100_000 }, (_, index) => `a${index}`)
    const replies = messages.map((message): Step => ['reply', message]).toReversed()
    const check = checkHistory(entriesOf([...messages.flatMap(pushAck), ...replies]))
    expect(check.reordered).toBe((100_000 * 99_999) / 2)
  })
})

function randomHistory(random: () => number, count: number): HistoryEntry[] {
  const left = Array.from({ length: count }, (_, index) => handled(`${'ab'[index % 2]}${index}`))
  const steps: Step[] = []
  while (left.length > 0) {
    const index = Math.floor(random() * left.length)
    const step = left[index]?.shift()
    if (step === undefined) left.splice(index, 1)
    else if (step[0] !== 'reply' || random() > 0.1) steps.push(step)
  }
  return historyOf(...steps)
}

function reorderedByDefinition(history: HistoryEntry[]): number {
  const seqOf = (what: HistoryEntry['kind'], message: string): number =>
    history.find((entry) => {
      if (entry.kind === 'message_created') return what === entry.kind && entry.replyTo === message
      return entry.kind === what && 'messageId' in entry && entry.messageId === message
    })?.seq ?? Number.NaN
  const ids = history.flatMap((entry) => (entry.kind === 'sent' ? [entry.messageId] : []))
  const isReordered = (first: string, second: string): boolean =>
    first[0] === second[0] &&
    seqOf('acked', first) < seqOf('pushed', second) &&
    seqOf('message_created', second) < seqOf('message_created', first)
  return ids.flatMap((first) => ids.filter((second) => isReordered(first, second))).length
}
