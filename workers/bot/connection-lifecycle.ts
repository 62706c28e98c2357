import { assertNever } from '../../src/core/assert-never.ts'
import { backoffDelayMs } from '../../src/core/backoff.ts'
import type { ConnectionOptions } from '../../src/protocol/boot.ts'
import type { ConnectionTrouble } from '../../src/protocol/status.ts'

/**
 * The reconnection loop of one bot as a pure table.
 *
 * `reconnecting` always has a next attempt. `failed` means that a person has to act (credentials);
 * even then a very slow probe goes on, because the same code was seen during incidents of the platform.
 */
export type ConnectionState =
  | { readonly name: 'idle'; readonly since: number }
  | {
      readonly name: 'connecting'
      readonly since: number
      readonly attempt: number
      readonly trouble?: ConnectionTrouble
    }
  | { readonly name: 'connected'; readonly since: number; readonly attempt: number }
  | ({ readonly name: 'reconnecting' | 'failed'; readonly since: number } & Retry)

interface Retry {
  /** Failed attempts since the last stable connection. */
  readonly attempt: number
  readonly trouble: ConnectionTrouble
  readonly nextAt: number
}

export type ConnectionEvent =
  | { readonly kind: 'connect' }
  | { readonly kind: 'opened' }
  | { readonly kind: 'ended'; readonly trouble: ConnectionTrouble }
  | { readonly kind: 'due' }
  | { readonly kind: 'disconnect' }

export type ConnectionEffect =
  | { readonly kind: 'open' }
  | { readonly kind: 'close' }
  /** Replaces an earlier schedule. */
  | { readonly kind: 'schedule'; readonly at: number }
  | { readonly kind: 'unschedule' }

export interface ConnectionStep {
  readonly state: ConnectionState
  readonly effects: readonly ConnectionEffect[]
}

/** `random` is in [0, 1). A pair that makes no sense (a late event of a closed connection) changes nothing. */
export function stepConnection(
  state: ConnectionState,
  event: ConnectionEvent,
  now: number,
  random: number,
  options: ConnectionOptions,
): ConnectionStep {
  switch (event.kind) {
    case 'connect':
      if (state.name === 'connecting' || state.name === 'connected') return unchanged(state)
      return opening(0, now, undefined, state.name !== 'idle')
    case 'due':
      if (state.name !== 'reconnecting' && state.name !== 'failed') return unchanged(state)
      return opening(state.attempt, now, state.trouble, false)
    case 'opened':
      if (state.name !== 'connecting') return unchanged(state)
      return { state: { name: 'connected', since: now, attempt: state.attempt }, effects: [] }
    case 'ended': {
      if (state.name !== 'connecting' && state.name !== 'connected') return unchanged(state)
      const wasStable = state.name === 'connected' && now - state.since >= options.stableAfterMs
      const attempt = wasStable ? 1 : state.attempt + 1
      const nextAt = now + retryDelayMs(event.trouble, attempt, random, options)
      const name = event.trouble.kind === 'credentials' ? 'failed' : 'reconnecting'
      return {
        state: { name, since: now, attempt, trouble: event.trouble, nextAt },
        effects: [{ kind: 'schedule', at: nextAt }],
      }
    }
    case 'disconnect':
      return {
        state: { name: 'idle', since: now },
        effects: state.name === 'idle' ? [] : [{ kind: 'unschedule' }, { kind: 'close' }],
      }
    default:
      return assertNever(event)
  }
}

/** How long to wait before the next attempt; never endless, never zero for a trouble that repeats. */
export function retryDelayMs(
  trouble: ConnectionTrouble,
  attempt: number,
  random: number,
  options: ConnectionOptions,
): number {
  const { backoff, fastAttempts } = options
  switch (trouble.kind) {
    case 'network':
      return attempt <= fastAttempts
        ? backoffDelayMs(attempt, backoff, random)
        : backoffDelayMs(1, { ...backoff, firstMs: backoff.maxMs }, random)
    case 'server':
      return backoffDelayMs(
        1,
        { ...backoff, firstMs: options.serverErrorDelayMs, maxMs: options.serverErrorDelayMs },
        random,
      )
    case 'limit':
      return options.limitDelayMs
    case 'credentials':
      return options.credentialsDelayMs
    default:
      return assertNever(trouble.kind)
  }
}

function opening(
  attempt: number,
  now: number,
  trouble: ConnectionTrouble | undefined,
  isScheduled: boolean,
): ConnectionStep {
  return {
    state: { name: 'connecting', since: now, attempt, ...(trouble === undefined ? {} : { trouble }) },
    effects: isScheduled ? [{ kind: 'unschedule' }, { kind: 'open' }] : [{ kind: 'open' }],
  }
}

function unchanged(state: ConnectionState): ConnectionStep {
  return { state, effects: [] }
}
