import { describe, expect, it } from 'vitest'
import { handleEvent } from '../../src/messages/handle/handle-event.ts'
import type { BotSettings } from '../../src/protocol/model/bot-settings.ts'
import type { InboundMessage } from '../../src/protocol/model/inbound-message.ts'
import type { ClaimedEvent } from '../../src/store/store.ts'
import { FakePool, noCalls, oneHandler, handled, messageEvent } from './dispatcher-bench.ts'
import { FakeClock } from '../support/fake-clock.ts'

const HOUR_MS = 3_600_000

async function run(
  more: Partial<ClaimedEvent> & { readonly deaths?: number },
  maxAgeMs = 12 * HOUR_MS,
  settings: Partial<BotSettings> = {},
  before: InboundMessage[] = [],
) {
  const pool = new FakePool(1)
  const processes = new FakePool(1)
  pool.answer = () => Promise.resolve(handled('hi'))
  processes.answer = pool.answer
  const { type, dedupeKey, payload } = messageEvent('oc_1', 'om_1')
  const event: ClaimedEvent = {
    kind: 'event',
    id: 1,
    botId: 'a',
    lane: 'oc_1',
    type,
    dedupeKey,
    payload,
    fence: { owner: 'me', epoch: 1 },
    attempt: 1,
    deaths: 0,
    wasClaimed: false,
    ageMs: 0,
    staleMs: 0,
    ...more,
  }
  const result = await handleEvent(event, {
    executors: { pool, exclusive: pool, process: processes, host: pool },
    handlers: oneHandler('message', 'reaction'),
    streams: { show: () => Promise.resolve() },
    contextServer: { ...noCalls, messagesBefore: () => Promise.resolve(before) },
    bots: { settingsOf: () => ({ handler: 'default', limits: {}, policy: {}, openId: null, ...settings }) },
    answerPolicy: { groups: 'mentioned', bots: 'ignore' },
    handlerTimeoutMs: 1_000,
    policy: { maxAttempts: 5, backoff: { firstMs: 1, maxMs: 1, factor: 1, jitter: 0 } },
    maxAgeMs,
    clock: new FakeClock(),
    random: () => 0.5,
    isAborting: () => false,
  })
  return { result, runs: pool.runs.length, inProcesses: processes.runs.length }
}

describe('a message', () => {
  it('is answered, with its chat as the place to go should it be withdrawn', async () => {
    const { result } = await run({})
    expect(result).toMatchObject({
      kind: 'completed',
      replies: [{ messageId: 'om_1', receiver: { type: 'chat_id', id: 'oc_1' } }],
    })
  })

  it('during which two processes died runs in a process of its own', async () => {
    expect(await run({ deaths: 1 })).toMatchObject({ runs: 1, inProcesses: 0 })
    expect(await run({ deaths: 2 })).toMatchObject({ runs: 0, inProcesses: 1, result: { kind: 'completed' } })
  })

  it('that is too old is buried without a run, and says so', async () => {
    const { result, runs } = await run({ staleMs: 13 * HOUR_MS })
    expect(result).toMatchObject({
      kind: 'dead',
      reason: 'expired',
      error: { code: 'MESSAGE_EXPIRED', retryable: false },
    })
    expect(runs).toBe(0)
  })

  it.each([
    ['at the limit', { staleMs: 12 * HOUR_MS }, 12 * HOUR_MS],
    ['that was begun in time', { staleMs: 13 * HOUR_MS, attempt: 2 }, 12 * HOUR_MS],
    ['of any age without a limit', { staleMs: 1e12 }, 0],
  ])('%s is run', async (_name, more, maxAgeMs) => {
    expect((await run(more, maxAgeMs)).runs).toBe(1)
  })
})

describe('the settings of its bot', () => {
  const fromBot = (): string => {
    const envelope = JSON.parse(messageEvent('oc_1', 'om_1').payload)
    envelope.event.sender = { sender_type: 'app' }
    return JSON.stringify(envelope)
  }

  it('say how old a message may be', async () => {
    const { result, runs } = await run({ staleMs: 2_000 }, 12 * HOUR_MS, { limits: { maxAgeMs: 1_000 } })
    expect([result, runs]).toMatchObject([{ kind: 'dead', reason: 'expired' }, 0])
  })

  it('say who is answered; the rest completes without a run and with the reason', async () => {
    const { result, runs } = await run({}, 0, { policy: { users: ['ou_other'] } })
    expect([result, runs]).toEqual([{ kind: 'completed', replies: [], reason: 'user_not_allowed' }, 0])
  })

  it('come before the age: an old message that nobody would have answered is no dead letter', async () => {
    const { result } = await run({ staleMs: 13 * HOUR_MS }, 12 * HOUR_MS, { policy: { users: [] } })
    expect(result).toMatchObject({ kind: 'completed', reason: 'user_not_allowed' })
  })

  it('let other bots be answered until they have had their turns', async () => {
    const payload = fromBot()
    const before = Array.from({ length: 5 }, () => ({ senderType: 'app' }) as InboundMessage)
    expect((await run({ payload })).result).toMatchObject({ reason: 'from_bot' })
    expect((await run({ payload }, 0, { policy: { bots: 'answer' } })).runs).toBe(1)
    expect((await run({ payload }, 0, { policy: { bots: 'answer' } }, before)).result).toMatchObject({
      reason: 'bot_loop',
    })
  })
})
