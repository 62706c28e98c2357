import { assertNever } from '../../../src/core/assert-never.ts'
import { backoffDelayMs } from '../../../src/core/time/backoff.ts'
import type { ResolvedConnectionOptions } from '../../../src/protocol/options/connection-options.ts'
import type { ConnectionTrouble } from '../../../src/protocol/model/status.ts'

/**
 * The reconnection loop of one bot as a pure table.
 *
 * `reconnecting` always has a next attempt. `failed` means that a person has to act: the credentials are refused, or
 * `giveUp` is set. With refused credentials very slow attempts go on unless `giveUp` is set, because the same codes were
 * seen during incidents of the platform.
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
  /** Connected, while a successor is being opened. Only in this state a bot may have two connections. */
  | { readonly name: 'rotating'; readonly since: number; readonly attempt: number }
  | ({ readonly name: 'reconnecting'; readonly since: number; readonly nextAt: number } & Ended)
  | ({ readonly name: 'failed'; readonly since: number; readonly nextAt?: number } & Ended)

interface Ended {
  /** Number of failed attempts since the last stable connection. */
  readonly attempt: number
  readonly trouble: ConnectionTrouble
}

export type ConnectionEvent =
  | { readonly kind: 'connect' }
  | { readonly kind: 'opened' }
  | { readonly kind: 'ended'; readonly trouble: ConnectionTrouble }
  | { readonly kind: 'successor_ended' }
  /** Replaces the connection by a fresh one. Without an overlap the old one is closed first. */
  | { readonly kind: 'rotate'; readonly mayOverlap: boolean }
  | { readonly kind: 'due' }
  /** The bot has new credentials. */
  | { readonly kind: 'reconfigured' }
  | { readonly kind: 'disconnect' }

export type ConnectionEffect =
  | { readonly kind: 'open' }
  /** Closes the connection and a successor. */
  | { readonly kind: 'close' }
  /** The successor takes over. The old connection is closed after its acknowledgements in flight. */
  | { readonly kind: 'retire' }
  /** Delivers `due` at that time. Replaces an earlier schedule. */
  | { readonly kind: 'schedule'; readonly at: number }
  | { readonly kind: 'unschedule' }

export interface ConnectionStep {
  readonly state: ConnectionState
  readonly effects: readonly ConnectionEffect[]
}

/** Applies one event. `random` is in [0, 1). An event that does not fit the state (late, of a closed connection) changes nothing. */
export function stepConnection(
  state: ConnectionState,
  event: ConnectionEvent,
  now: number,
  random: number,
  options: ResolvedConnectionOptions,
): ConnectionStep {
  switch (event.kind) {
    case 'connect':
      if (state.name === 'connecting' || isOpen(state)) return unchanged(state)
      return opening(0, now, undefined, state.name !== 'idle')
    case 'due':
      if (state.name !== 'reconnecting' && state.name !== 'failed') return unchanged(state)
      return opening(state.attempt, now, state.trouble, false)
    case 'opened':
      if (state.name !== 'connecting' && state.name !== 'rotating') return unchanged(state)
      return {
        state: { name: 'connected', since: now, attempt: state.attempt },
        effects: state.name === 'rotating' ? [{ kind: 'retire' }] : [],
      }
    case 'successor_ended':
      return state.name === 'rotating' ? { state: { ...state, name: 'connected' }, effects: [] } : unchanged(state)
    case 'rotate':
      if (state.name !== 'connected') return unchanged(state)
      return event.mayOverlap ? { state: { ...state, name: 'rotating' }, effects: [{ kind: 'open' }] } : reopening(now)
    case 'ended': {
      // The successor is being opened already.
      if (state.name === 'rotating') return { state: { name: 'connecting', since: now, attempt: 0 }, effects: [] }
      if (state.name !== 'connecting' && state.name !== 'connected') return unchanged(state)
      const wasStable = state.name === 'connected' && now - state.since >= options.stableAfterMs
      const attempt = wasStable ? 1 : state.attempt + 1
      const { trouble } = event
      const isRefused = trouble.kind === 'credentials'
      if (options.giveUp && (isRefused || attempt >= options.fastAttempts)) {
        return { state: { name: 'failed', since: now, attempt, trouble }, effects: [] }
      }
      const nextAt = now + retryDelayMs(trouble, attempt, random, options)
      return {
        state: { name: isRefused ? 'failed' : 'reconnecting', since: now, attempt, trouble, nextAt },
        effects: [{ kind: 'schedule', at: nextAt }],
      }
    }
    case 'reconfigured':
      // An open connection does not need its credentials any more.
      if (state.name === 'idle' || isOpen(state)) return unchanged(state)
      return state.name === 'connecting' ? reopening(now) : opening(0, now, undefined, true)
    case 'disconnect':
      return {
        state: { name: 'idle', since: now },
        effects: state.name === 'idle' ? [] : [{ kind: 'unschedule' }, { kind: 'close' }],
      }
    default:
      return assertNever(event)
  }
}

/** Wait before the next attempt, milliseconds. Never infinite, and never zero for a trouble that repeats. */
export function retryDelayMs(
  trouble: ConnectionTrouble,
  attempt: number,
  random: number,
  options: ResolvedConnectionOptions,
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

function reopening(now: number): ConnectionStep {
  return { state: { name: 'connecting', since: now, attempt: 0 }, effects: [{ kind: 'close' }, { kind: 'open' }] }
}

function isOpen({ name }: ConnectionState): boolean {
  return name === 'connected' || name === 'rotating'
}

function unchanged(state: ConnectionState): ConnectionStep {
  return { state, effects: [] }
}
