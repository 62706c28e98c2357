import { describe, expect, it } from 'vitest'
import { type BackoffPolicy, backoffDelayMs } from '../../src/core/time/backoff.ts'
import { classifyExit, type ExitReason, exitError, type ObservedExit } from '../../src/core/lifecycle/exit-reason.ts'
import { decideRestart, type RestartPolicy, restartsInWindow } from '../../src/core/lifecycle/restart-policy.ts'

const backoff: BackoffPolicy = { firstMs: 1_000, maxMs: 60_000, factor: 2, jitter: 0.2 }

describe('backoffDelayMs', () => {
  it.each([
    [1, 1_000],
    [2, 2_000],
    [5, 16_000],
    [6, 32_000],
    [7, 60_000],
    [10_000, 60_000],
    [0, 1_000],
    [-3, 1_000],
  ])('attempt %d without jitter waits %d ms', (attempt, delay) => {
    expect(backoffDelayMs(attempt, backoff, 0.5)).toBe(delay)
  })

  it.each([
    [1, 0, 800],
    [1, 0.999_999, 1_200],
    [7, 0.999_999, 60_000],
    [7, 0, 48_000],
  ])('attempt %d at random %d waits %d ms', (attempt, random, delay) => {
    expect(backoffDelayMs(attempt, backoff, random)).toBe(delay)
  })

  it('never falls below zero', () => {
    expect(backoffDelayMs(1, { ...backoff, jitter: 5 }, 0)).toBe(0)
  })
})

describe('restartsInWindow', () => {
  it('keeps what is younger than the period', () => {
    expect(restartsInWindow([0, 40, 41, 100], { intensity: 1, periodMs: 60 }, 100)).toEqual([41, 100])
  })
})

describe('decideRestart', () => {
  const policy: RestartPolicy = {
    limit: { intensity: 3, periodMs: 60_000 },
    backoff: { ...backoff, jitter: 0 },
    stableAfterMs: 10_000,
    startTimeoutMs: 1,
  }
  const now = 1_000_000
  const decide = (history: Partial<Parameters<typeof decideRestart>[1]>, reason: ExitReason = 'crashed') =>
    decideRestart(reason, { restartedAt: [], attempt: 0, ranForMs: 0, ...history }, policy, now, 0.5)

  it.each([
    ['the first restart is immediate', { attempt: 0 }, 0, 1],
    ['the second waits', { attempt: 1 }, 1_000, 2],
    ['the third waits longer', { attempt: 2 }, 2_000, 3],
    ['a stable run starts anew', { attempt: 5, ranForMs: 10_000 }, 0, 1],
    ['a run that was not stable does not', { attempt: 5, ranForMs: 9_999 }, 16_000, 6],
  ])('%s', (_name, history, delayMs, attempt) => {
    expect(decide(history)).toEqual({ kind: 'restart', startAt: now + delayMs, attempt, restartedAt: [now] })
  })

  const worn = { restartedAt: [now - 3, now - 2, now - 1] }
  it.each<[ExitReason, string, string]>([
    ['normal', 'restart', 'fail'],
    ['crashed', 'restart', 'fail'],
    ['out_of_memory', 'restart', 'fail'],
    ['hung', 'restart', 'fail'],
    ['start_failed', 'restart', 'fail'],
    ['start_timeout', 'restart', 'fail'],
    ['killed', 'restart', 'fail'],
    ['rejected', 'fail', 'fail'],
  ])('an end nobody asked for (%s): %s within the intensity, %s beyond it', (reason, within, beyond) => {
    expect([decide({}, reason).kind, decide(worn, reason).kind]).toEqual([within, beyond])
  })

  it('allows `intensity` restarts within the period and not one more', () => {
    expect(decide({ restartedAt: [now - 2, now - 1] }).kind).toBe('restart')
    expect(decide({ restartedAt: [now - 3, now - 2, now - 1] })).toMatchObject({
      kind: 'fail',
      why: expect.stringContaining('4 times within 60 s'),
    })
  })

  it('forgets restarts older than the period', () => {
    const decision = decide({ restartedAt: [now - 60_000, now - 1, now - 1] })
    expect(decision).toMatchObject({ kind: 'restart', restartedAt: [now - 1, now - 1, now] })
  })
})

describe('classifyExit', () => {
  const oom = { code: 'ERR_WORKER_OUT_OF_MEMORY' }
  it.each<[string, ObservedExit, boolean, string]>([
    ['out of memory wins over everything', { exitCode: 1, thrown: { value: oom } }, false, 'out_of_memory'],
    ['a throw before ready', { exitCode: 1, thrown: { value: new Error('x') } }, false, 'start_failed'],
    ['unusable configuration', { exitCode: 1, thrown: { value: { code: 'CONFIG_INVALID' } } }, false, 'rejected'],
    [
      'the same code from code that ran',
      { exitCode: 1, thrown: { value: { code: 'CONFIG_INVALID' } } },
      true,
      'crashed',
    ],
    ['a code of the language', { exitCode: 1, thrown: { value: { code: 'toString' } } }, true, 'crashed'],
    ['leaving before ready', { exitCode: 0 }, false, 'start_failed'],
    ['leaving with 0', { exitCode: 0 }, true, 'normal'],
    ['leaving with 0 after a throw', { exitCode: 0, thrown: { value: undefined } }, true, 'crashed'],
    ['leaving with 3', { exitCode: 3 }, true, 'crashed'],
    ['a thrown null', { exitCode: 1, thrown: { value: null } }, true, 'crashed'],
    ['a thrown text', { exitCode: 1, thrown: { value: 'ERR_WORKER_OUT_OF_MEMORY' } }, true, 'crashed'],
  ])('%s', (_name, exit, wasReady, reason) => {
    expect(classifyExit(exit, wasReady)).toBe(reason)
  })
})

describe('exitError', () => {
  it('is absent when nothing was thrown', () => {
    expect(exitError({ exitCode: 3 })).toBeUndefined()
  })

  it.each([
    ['an error', new Error('no'), 'no'],
    ['null', null, 'null'],
    ['undefined', undefined, 'undefined'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['an object without a prototype', Object.create(null), 'the thrown value cannot be printed'],
  ])('describes %s', (_name, value, message) => {
    expect(exitError({ exitCode: 1, thrown: { value } })?.message).toBe(message)
  })
})
