import type { ErrorRecord } from '../core/errors.ts'
import type { DeadLetter, DeadLetterId, DeadLetterPage, FeishuEvent, OutgoingReply } from '../protocol/model/message.ts'

export interface Accepted {
  readonly id: number
  /** True when the event was stored before. Nothing was inserted then. */
  readonly duplicate: boolean
  /** The claimed event, if it was claimed as it was stored. */
  readonly claimed?: ClaimedEvent
}

/** What to claim: the due heads of lanes, one of each bot after the other. */
export interface ClaimOrder {
  readonly owner: string
  readonly limit: number
  /** Most lanes to claim for one bot. Default: `limit`. */
  readonly perBot?: number
  /** Overrides of `perBot`, by bot id. 0 skips the bot. Default: none. */
  readonly perBotLimits?: Readonly<Record<string, number>>
}

/** What may be claimed in the same statement that stores it. */
export interface ArrivalOrder extends ClaimOrder {
  /**
   * True for a lane that the owner already has. Events of such a lane are not claimed and take no room. Default: no
   * lane.
   */
  readonly isBusy?: (botId: string, lane: string) => boolean
}

/**
 * The right of one claim to write about the work it took. Writes with a stale fence change 0 rows and resolve to false.
 *
 * No two claims of a database have the same epoch. Of two claims of a lane, the later one has the larger epoch.
 * Attempts only count and do not identify a claim: a claim that is given back uncounted repeats its attempt.
 */
export interface Fence {
  readonly owner: string
  readonly epoch: number
}

/** The claimed head of a lane: one event to handle. */
export interface ClaimedEvent {
  readonly kind: 'event'
  readonly id: number
  readonly botId: string
  readonly lane: string
  readonly type: string
  readonly dedupeKey: string
  readonly payload: string
  readonly fence: Fence
  readonly attempt: number
  /**
   * How many deaths of an instance the event was claimed through. They count no attempt. From 2 on the event runs alone
   * in a process.
   */
  readonly deaths: number
  /** True when the event was claimed before, counted or not: an earlier run may have left something. */
  readonly wasClaimed: boolean
  /** Milliseconds since the row was inserted. */
  readonly ageMs: number
  /** Milliseconds since Feishu's own time of the event, or since an operator resubmitted it. */
  readonly staleMs: number
  /**
   * Milliseconds since the event reached a bot worker or the webhook. Absent for an event that an operator resubmitted.
   */
  readonly sinceArrivalMs?: number
  /** True when events waited behind this one at the claim. Absent: not known. */
  readonly hasMore?: boolean
}

/** A claimed lane with unsent replies of a completed event (after a retry or a crash). */
export interface ClaimedReplies {
  readonly kind: 'replies'
  readonly botId: string
  readonly lane: string
  readonly replies: readonly StoredReply[]
}

export interface StoredReply extends OutgoingReply {
  readonly eventId: number
  /** Number of the reply within its event: 0, 1, ... */
  readonly part: number
  /** Fence of the claim that took the reply. */
  readonly fence: Fence
  readonly attempt: number
  /**
   * Number of earlier attempts with an unknown outcome: no answer of Feishu, or a crash before the answer was stored.
   */
  readonly unknownAttempts: number
  /** Milliseconds since the reply was stored. It is stored just before its first attempt. */
  readonly ageMs: number
  /** Milliseconds since its event arrived. Absent when the event was resubmitted. */
  readonly sinceArrivalMs?: number
}

export type Claimed = ClaimedEvent | ClaimedReplies

export interface ClaimResult {
  /** At most one item per lane. The caller owns each lane until it finishes the event or settles the last reply. */
  readonly items: readonly Claimed[]
  /**
   * Milliseconds until another free lane becomes due. 0 when more was due than `limit` allowed. Null when none waits.
   */
  readonly nextDueMs: number | null
}

export type EventResult =
  /**
   * The event is done. Without replies the lane is freed. With replies the lane stays owned until the last one is
   * settled. `reason` says why the event got no run.
   */
  | { readonly kind: 'completed'; readonly replies: readonly NewReply[]; readonly reason?: string }
  | { readonly kind: 'retry'; readonly afterMs: number; readonly error: ErrorRecord }
  | { readonly kind: 'dead'; readonly reason: string; readonly error: ErrorRecord }
  /**
   * Gives the claim back; its attempt is not counted. `afterMs`: milliseconds until the event may be claimed again.
   * Default 0.
   */
  | { readonly kind: 'released'; readonly afterMs?: number }

/** A reply that enters the outbox. It is already claimed by the instance that completed the event (attempt 1). */
export type NewReply = OutgoingReply

export type ReplyResult =
  | { readonly kind: 'sent'; readonly messageId: string }
  /**
   * Frees the lane, which is due again after `afterMs`. The reply stays first, and the replies behind it wait.
   * `isRefused`: the send was not carried out. Otherwise the attempt counts as one with an unknown outcome.
   */
  | { readonly kind: 'retry'; readonly afterMs: number; readonly error: ErrorRecord; readonly isRefused: boolean }
  | { readonly kind: 'dead'; readonly reason: string; readonly error: ErrorRecord; readonly logId?: string }

export interface FinishedEvent {
  readonly id: number
  readonly fence: Fence
  readonly result: EventResult
  /** When the event was acknowledged, milliseconds since the epoch. */
  readonly ackedAt?: number
}

export interface SettledReply {
  readonly eventId: number
  readonly part: number
  readonly fence: Fence
  readonly result: ReplyResult
}

/** An event to be stored in the inbox. */
export interface NewEvent {
  readonly botId: string
  readonly event: FeishuEvent
  /** Milliseconds before the event may be claimed. Later events of the lane wait behind it. Default 0. */
  readonly delayMs?: number
  /** Reason and error of an event that is stored as a dead letter at once. */
  readonly dead?: { readonly reason: string; readonly error: ErrorRecord }
  /**
   * The dedupe key of an event of the same bot that this event recalls. A recalled event that still waits is completed
   * without a run. A recalled event that arrives later is a duplicate.
   */
  readonly recalls?: string
}

export interface InboxStore {
  /**
   * Inserts events in one transaction, in the given order, and returns answers in the same order. With `claim`, events
   * that are first in their lane are claimed too.
   */
  accept(events: readonly NewEvent[], claim?: ArrivalOrder): Promise<Accepted[]>
  /** Claims due lane heads, oldest first, one of each bot after the other. The attempt is counted here. */
  claim(claim: ClaimOrder): Promise<ClaimResult>
  /** Claims one event if it is the due head of a free lane. Null if not. The attempt is counted here. */
  claimEvent(claim: { owner: string; eventId: number }): Promise<ClaimedEvent | null>
  /** Stores the results of events, in the given order. True for each event whose fence held. */
  finish(finished: readonly FinishedEvent[]): Promise<boolean[]>
  /** Stores the results of replies, in the given order. True for each reply whose fence held. */
  settle(settled: readonly SettledReply[]): Promise<boolean[]>
  /**
   * Lists dead letters, newest first, without the first `offset`. `before` continues after the last `endedAt` seen.
   * Dead letters of the same instant stay together, so there may be a few more than `limit`.
   */
  deadLetters(page: DeadLetterPage): Promise<DeadLetter[]>
  /**
   * Puts a dead letter back. An event runs again from attempt 1, without deaths, and is not stale. A reply is sent again: under a new
   * uuid if its outcome was unknown, under its old one otherwise. False if it is not dead.
   */
  resubmit(letter: DeadLetterId): Promise<boolean>
  /**
   * Deletes at most `limit` finished events that ended longer ago than `olderThanMs`, with their replies and idle
   * lanes. Dead letters stay, and so do events with a dead reply. Returns the number of deleted events.
   */
  prune(query: { olderThanMs: number; limit: number }): Promise<number>
  /** Counts open work and dead letters. `oldestAgeMs` is the age of the oldest open event, 0 if there is none. */
  summary(): Promise<{ depth: number; oldestAgeMs: number; dead: number }>
}
