import { describe, expect, it } from 'vitest'
import { replyUuid } from '../../src/messages/reply/reply-uuid.ts'
import type { RetryPolicy } from '../../src/core/time/backoff.ts'
import { afterFailedRun, beforeRun, whenExpired, whenHostDied } from '../../src/messages/handle/run-retry.ts'
import { afterFailedSend, beforeSend, type FailedSend } from '../../src/messages/reply/send-retry.ts'
import type { SendFailure } from '../../src/protocol/data.ts'

const policy: RetryPolicy = { maxAttempts: 3, backoff: { firstMs: 1_000, maxMs: 3_000, factor: 2, jitter: 0.2 } }
const error = { code: 'HANDLER_UNLOADABLE', message: 'no', retryable: false } as const

describe('retry policy', () => {
  it('retries any failed run, also a handler that cannot be loaded, and buries after the last', () => {
    expect(afterFailedRun(1, { error }, policy, 0.5)).toMatchObject({ kind: 'retry', afterMs: 1_000 })
    expect(afterFailedRun(2, { error }, policy, 0.5)).toMatchObject({ kind: 'retry', afterMs: 2_000 })
    expect(afterFailedRun(3, { error }, policy, 0.5)).toMatchObject({ kind: 'dead', reason: 'attempts_exhausted' })
  })

  it('says of a message that its process died of it, if its last attempt did', () => {
    const died = { error: { ...error, code: 'HANDLER_PROCESS_DIED' } as const }
    expect(afterFailedRun(2, died, policy, 0.5)).toMatchObject({ kind: 'retry', afterMs: 2_000 })
    expect(afterFailedRun(3, died, policy, 0.5)).toMatchObject({
      kind: 'dead',
      reason: 'crashed_process',
      error: died.error,
    })
  })

  it('buries at once what the handler gave up, and waits as long as it asked, within reason', () => {
    const gaveUp = { error: { ...error, code: 'HANDLER_GAVE_UP' } as const }
    expect(afterFailedRun(1, gaveUp, policy, 0.5)).toMatchObject({ kind: 'dead', reason: 'gave_up' })
    expect(afterFailedRun(1, { error, retryAfterMs: 60_000 }, policy, 0.5)).toMatchObject({ afterMs: 60_000 })
    expect(afterFailedRun(1, { error, retryAfterMs: 10 }, policy, 0.5)).toMatchObject({ afterMs: 1_000 })
    expect(afterFailedRun(1, { error, retryAfterMs: 1e12 }, policy, 0.5)).toMatchObject({ afterMs: 3_600_000 })
  })

  it('allows the last attempt and none after it', () => {
    expect(beforeRun(3, policy)).toBeUndefined()
    expect(beforeRun(4, policy)).toMatchObject({ kind: 'dead', reason: 'attempts_exhausted' })
    expect(whenHostDied(2, policy)).toBeUndefined()
    expect(whenHostDied(3, policy)).toMatchObject({ kind: 'dead', reason: 'crashed_process' })
  })
})

const failure: SendFailure = { error: { code: 'REPLY_FAILED', message: 'busy', retryable: true }, isRefused: true }
const sent: FailedSend = { failure, attempt: 1, tries: 1, unknownAttempts: 0 }

describe('a failed send', () => {
  const after = (more: Partial<FailedSend>, failed: Partial<SendFailure> = {}) =>
    afterFailedSend({ ...sent, ...more, failure: { ...failure, ...failed } }, policy, 0.5)

  it.each([
    [5_000, 5_000],
    [10, 1_000],
    [Number.NaN, 1_000],
    [-1, 1_000],
    [1e12, 3_600_000],
  ])('asked to wait %d ms waits %d', (retryAfterMs, afterMs) => {
    expect(after({}, { retryAfterMs })).toMatchObject({ kind: 'retry', afterMs })
  })

  it('says to the store whether Feishu refused it', () => {
    expect(after({})).toMatchObject({ kind: 'retry', isRefused: true })
    expect(after({}, { isRefused: false })).toMatchObject({ kind: 'retry', isRefused: false })
  })

  it('is buried after the last try, however often it was claimed', () => {
    expect(after({ attempt: 300, tries: 2 })).toMatchObject({ kind: 'retry', afterMs: 2_000 })
    expect(after({ attempt: 300, tries: 3 })).toMatchObject({ kind: 'dead', reason: 'attempts_exhausted' })
  })

  it.each(['WORKER_UNREACHABLE', 'CONNECTION_FAILED'] as const)(
    'with %s did not leave, and may wait for ever',
    (code) => {
      const away = { error: { code, message: 'away', retryable: true } }
      expect(after({ attempt: 10_000, tries: 0 }, away)).toMatchObject({
        kind: 'retry',
        afterMs: 3_000,
        isRefused: true,
      })
      expect(after({ tries: 3 }, { ...away, isRefused: false })).toMatchObject({ kind: 'dead' })
    },
  )

  it("keeps Feishu's log id with a dead reply", () => {
    const refusal = { error: { code: 'REPLY_REFUSED', message: 'no', retryable: false }, logId: 'l1' } as const
    expect(after({}, refusal)).toMatchObject({ kind: 'dead', reason: 'refused', logId: 'l1', error: refusal.error })
  })

  it.each<[string, Partial<FailedSend>, Partial<SendFailure>]>([
    ['the last try had no answer', { tries: 3 }, { isRefused: false }],
    ['an earlier try had none', { tries: 3, unknownAttempts: 1 }, {}],
    [
      'an earlier try had none and the last was refused for good',
      { unknownAttempts: 1 },
      { error: { code: 'REPLY_REFUSED', message: 'busy', retryable: false }, logId: 'l1' },
    ],
  ])('is buried as unknown when %s', (_name, more, failed) => {
    expect(after(more, failed)).toMatchObject({
      kind: 'dead',
      reason: 'outcome_unknown',
      error: { code: 'OUTCOME_UNKNOWN', retryable: false, message: expect.stringContaining('busy') },
      ...(failed.logId === undefined ? {} : { logId: failed.logId }),
    })
  })
})

describe('before a send', () => {
  it.each([
    [0, 10 * 3_600_000, undefined],
    [1, 55 * 60_000, undefined],
    [1, 55 * 60_000 + 1, 'outcome_unknown'],
    [7, 3_600_000, 'outcome_unknown'],
  ])('with %i unknown attempts %i ms after it was stored, a reply ends as %s', (unknownAttempts, ageMs, reason) => {
    const result = beforeSend({ unknownAttempts, ageMs })
    expect(result?.kind === 'dead' ? result.reason : undefined).toBe(reason)
  })
})

describe('an old event', () => {
  it.each([
    [1, 0, 43_200_000, 43_200_000, undefined],
    [1, 0, 43_200_001, 43_200_000, 'expired'],
    [2, 0, 50_000_000, 43_200_000, undefined],
    [1, 1, 50_000_000, 43_200_000, undefined],
    [1, 0, 5e9, 0, undefined],
  ])(
    'at run %i after %i deaths, %i ms old with a limit of %i, ends as %s',
    (attempt, deaths, staleMs, maxAgeMs, reason) => {
      const result = whenExpired({ attempt, deaths, staleMs }, maxAgeMs)
      expect(result?.kind === 'dead' ? result.reason : undefined).toBe(reason)
    },
  )

  it('says its age, the limit and the way back', () => {
    const result = whenExpired({ attempt: 1, deaths: 0, staleMs: 50_000_000 }, 43_200_000)
    expect(result?.error.message).toMatch(/833 min .*maxAgeMs.* 720 min.*resubmitted/)
  })
})

describe('reply uuid', () => {
  it('is stable, short enough and different for every bot, event and part', () => {
    // A changed value would show every reply twice that a crash left between two versions.
    expect(replyUuid('a', 'm:1', 0)).toBe('hie7-6-lHEieMFq8DNIWbxoNqR3j3loGrVO1j5ko10s')
    const uuids = [
      replyUuid('a', 'm:1', 0),
      replyUuid('a', 'm:1', 1),
      replyUuid('a', 'm:2', 0),
      replyUuid('am:', '1', 0),
      replyUuid('b', 'm:1', 0),
    ]
    expect(new Set(uuids).size).toBe(uuids.length)
    for (const uuid of uuids) expect(uuid).toMatch(/^[\w-]{20,50}$/)
  })
})
