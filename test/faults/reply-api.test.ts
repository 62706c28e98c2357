import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FailureMode } from '../../src/simulator/faults/fault.ts'
import { judge } from '../support/judge.ts'
import { ADA, Cleanups } from '../support/system.ts'
import { CLEAN, entriesOf, Stage } from './support.ts'

const cleanups = new Cleanups()
afterAll(cleanups.run)

/** Of one call; a hanging one is given up by then. */
const SEND_TIMEOUT_MS = 400

let stage: Stage

beforeAll(async () => {
  stage = await Stage.open(cleanups, { connection: { sendTimeoutMs: SEND_TIMEOUT_MS } })
})

const fail = (failure: FailureMode, count = 1): Promise<void> =>
  stage.simulator.client.inject({ kind: 'fail_next', appId: ADA.appId, call: 'reply', count, ...failure })

/** Answers when each reply call for the message was decided, and with what. */
async function callsFor(messageId: string): Promise<{ at: number; code: number; uuid: string; repeated: boolean }[]> {
  await stage.allDone()
  const history = await stage.simulator.client.history()
  expect(judge(history, (await stage.supervisor.listDeadLetters()).items)).toMatchObject(CLEAN)
  expect(entriesOf(history, 'message_created').filter(({ replyTo }) => replyTo === messageId)).toHaveLength(1)
  const calls = entriesOf(history, 'reply_received').filter(({ replyTo }) => replyTo === messageId)
  expect(new Set(calls.map(({ uuid }) => uuid)).size).toBe(1)
  return calls.map(({ at, code, uuid = '', repeated }) => ({ at, code, uuid, repeated }))
}

describe('O3: one visible reply, whatever the reply API does', () => {
  it('waits as told by a limit of the app, with every chat', async () => {
    await fail({ retryAfterMs: 700 })
    const first = await stage.say('limited', 'oc_1')
    const limited = await stage.entry('reply_received', ({ code, replyTo }) => code === 99991400 && replyTo === first)
    const other = await stage.say('in another chat', 'oc_2')
    for (const messageId of [first, other]) {
      const calls = await callsFor(messageId)
      expect(calls.at(-1)).toMatchObject({ code: 0, repeated: false })
      expect((calls.at(-1)?.at ?? 0) - limited.at).toBeGreaterThanOrEqual(690)
    }
    expect(await callsFor(first)).toMatchObject([{ code: 99991400 }, { code: 0 }])
  })

  it('tries again after errors of the server, ever more slowly', async () => {
    await fail({ http: 500, code: 2200 })
    await fail({ http: 502, code: 0 })
    await fail({ http: 503, code: 5000 })
    const calls = await callsFor(await stage.say('server errors'))
    expect(calls).toMatchObject([{ code: 2200 }, { code: 0 }, { code: 5000 }, { code: 0, repeated: false }])
    const [first, , third, last] = calls.map(({ at }) => at)
    expect((last ?? 0) - (third ?? 0)).toBeGreaterThanOrEqual(100)
    expect((last ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(200)
  })

  it('gives up a call that hangs, and sends with the same uuid', async () => {
    await fail({ hang: true })
    const calls = await callsFor(await stage.say('hangs'))
    expect(calls).toMatchObject([{ code: 0, repeated: false }])
    const hung = entriesOf(await stage.simulator.client.history(), 'fault_applied').at(-1)
    expect((calls[0]?.at ?? 0) - (hung?.at ?? 0)).toBeGreaterThanOrEqual(SEND_TIMEOUT_MS)
  })

  it('sends with the same uuid what was carried out without an answer', async () => {
    await fail({ loseAnswer: true }, 2)
    expect(await callsFor(await stage.say('answer lost'))).toMatchObject([
      { code: 0, repeated: false },
      { code: 0, repeated: true },
      { code: 0, repeated: true },
    ])
  })

  it('takes an error code in an answer of 200 for an error', async () => {
    await fail({ http: 200, code: 2200 })
    await fail({ http: 200, code: 230020 })
    await fail({ http: 200, code: 230049 })
    const calls = await callsFor(await stage.say('200 with an error'))
    expect(calls.map(({ code }) => code)).toEqual([2200, 230020, 230049, 0])
  })

  it('answers the rest of the chat in order after all of them', async () => {
    await fail({ loseAnswer: true })
    await fail({ retryAfterMs: 300 })
    await fail({ hang: true })
    await fail({ http: 500, code: 2200 }, 3)
    await stage.flood('mixed', 12, 100, 3)
    const history = await stage.allAnswered()
    expect(judge(history, (await stage.supervisor.listDeadLetters()).items)).toMatchObject(CLEAN)
  })

  it('buries a reply that is refused for good, with the reason, and goes on with the chat', async () => {
    await fail({ http: 200, code: 230002 })
    const buried = stage.dead()
    const messageId = await stage.say('refused')
    expect(await buried).toBe('refused')
    const [letter] = (await stage.supervisor.listDeadLetters()).items
    expect(letter).toMatchObject({ kind: 'reply', dedupeKey: `m:${messageId}`, reason: 'refused' })
    expect(letter?.error?.message).toContain('230002')
    const next = await stage.say('after it')
    await stage.entry('message_created', ({ replyTo }) => replyTo === next)
    const created = entriesOf(await stage.simulator.client.history(), 'message_created')
    expect(created.filter(({ replyTo }) => replyTo === messageId)).toEqual([])
  })
})
