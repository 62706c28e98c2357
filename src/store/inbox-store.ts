import type { ErrorRecord } from '../core/errors.ts'
import type { DeadLetter, DeadLetterId, DeadLetterPage, FeishuEvent, OutgoingReply } from '../protocol/model/message.ts'

export interface Accepted {
  readonly id: number
  /** The event was stored before; nothing was inserted. */
  readonly duplicate: boolean
  /** It was claimed as it was stored. */
  readonly claimed?: ClaimedEvent
}

/** Due lane heads in turn over the bots. */
export interface ClaimOrder {
  readonly owner: string
  readonly limit: number
  /** Most lanes of one bot. Default: `limit`. */
  readonly perBot?: number
  /** Most lanes of certain bots; 0 leaves a bot out. Default: none has less than others. */
  readonly perBotLimits?: Readonly<Record<string, number>>
}

/** What may be claimed as it is stored. */
export interface ArrivalOrder extends ClaimOrder {
  /** A lane the owner has already: its events take no room from others. Default: it has none. */
  readonly isBusy?: (botId: string, lane: string) => boolean
}

/**
 * The right of one claim to write about what it took: writes with a stale fence change 0 rows and resolve false.
 *
 * No two claims of a database have the same epoch, and of two claims of a lane the later one has the larger. Attempts only
 * count: a claim that is given back uncounted repeats its attempt.
 */
export interface Fence {
  readonly owner: string
  readonly epoch: number
}

/** The head of a lane: one event to handle. */
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
  /** Milliseconds since the row was inserted. */
  readonly ageMs: number
  /** Milliseconds since Feishu's own time of the event, or since an operator resubmitted it. */
  readonly staleMs: number
  /** Milliseconds since it reached this process; not of one that an operator resubmitted. */
  readonly sinceArrivalMs?: number
  /** Whether events waited behind it when it was claimed; absent: not known. */
  readonly hasMore?: boolean
}

/** A lane whose last event is complete but whose replies are not all out (after a retry or a crash). */
export interface ClaimedReplies {
  readonly kind: 'replies'
  readonly botId: string
  readonly lane: string
  readonly replies: readonly StoredReply[]
}

export interface StoredReply extends OutgoingReply {
  readonly eventId: number
  /** 0, 1, ... within the event. */
  readonly part: number
  /** Of the claim it came with. */
  readonly fence: Fence
  readonly attempt: number
  /** Earlier attempts of which it is not known whether Feishu carried them out (no answer, or a crash before it was written down). */
  readonly unknownAttempts: number
  /** Milliseconds since the reply was stored, a moment before its first attempt. */
  readonly ageMs: number
  /** As of its event. */
  readonly sinceArrivalMs?: number
}

export type Claimed = ClaimedEvent | ClaimedReplies

export interface ClaimResult {
  /** At most one item per lane; the caller owns each lane until it finishes the event or settles the last reply. */
  readonly items: readonly Claimed[]
  /** Milliseconds until another free lane becomes due, if any is waiting; 0 when more was due than `limit` allowed. */
  readonly nextDueMs: number | null
}

export type EventResult =
  /**
   * Without replies the lane is freed; with replies it stays owned until the last one is settled. `reason` says why
   * the event got no run.
   */
  | { readonly kind: 'completed'; readonly replies: readonly NewReply[]; readonly reason?: string }
  | { readonly kind: 'retry'; readonly afterMs: number; readonly error: ErrorRecord }
  | { readonly kind: 'dead'; readonly reason: string; readonly error: ErrorRecord }
  /** Gives a claim back as if it had not been made: its attempt is not counted. `afterMs`: not before then. Default 0. */
  | { readonly kind: 'released'; readonly afterMs?: number }

/** A reply as it enters the outbox, already claimed by the instance that completed the event (attempt 1). */
export type NewReply = OutgoingReply

export type ReplyResult =
  | { readonly kind: 'sent'; readonly messageId: string }
  /**
   * Frees the lane until then; the reply keeps its place and its successors wait. `isRefused`: Feishu
   * answered that it was not carried out; otherwise the attempt counts as one with an unknown outcome.
   */
  | { readonly kind: 'retry'; readonly afterMs: number; readonly error: ErrorRecord; readonly isRefused: boolean }
  | { readonly kind: 'dead'; readonly reason: string; readonly error: ErrorRecord; readonly logId?: string }

export interface FinishedEvent {
  readonly id: number
  readonly fence: Fence
  readonly result: EventResult
  /** When its acknowledgement was let go, milliseconds since the epoch. */
  readonly ackedAt?: number
}

export interface SettledReply {
  readonly eventId: number
  readonly part: number
  readonly fence: Fence
  readonly result: ReplyResult
}

/** An event on its way into the inbox. */
export interface NewEvent {
  readonly botId: string
  readonly event: FeishuEvent
  /** It may be claimed only after this time; its successors in the lane wait behind it. Default 0. */
  readonly delayMs?: number
  /** It is stored as a dead letter at once. */
  readonly dead?: { readonly reason: string; readonly error: ErrorRecord }
  /**
   * The dedupe key of an event of the same bot that this one takes back: it is completed without a run if it
   * still waits, and a duplicate if it arrives later.
   */
  readonly recalls?: string
}

export interface InboxStore {
  /** Inserts in one transaction, in the given order; answers in the same order. `claim` claims what has nothing before it. */
  accept(events: readonly NewEvent[], claim?: ArrivalOrder): Promise<Accepted[]>
  /** Claims due lane heads, oldest first, in turn over the bots. The attempt is counted here. */
  claim(claim: ClaimOrder): Promise<ClaimResult>
  /** Claims this one event if it is the due head of a free lane; null if not. The attempt is counted here. */
  claimEvent(claim: { owner: string; eventId: number }): Promise<ClaimedEvent | null>
  /** Each in the order given; true where the fence held. */
  finish(finished: readonly FinishedEvent[]): Promise<boolean[]>
  settle(settled: readonly SettledReply[]): Promise<boolean[]>
  /**
   * Newest first, without the first `offset`; `before` continues after the last `endedAt` seen. What ended at the
   * same instant is not torn apart, so it may be a few more than `limit`.
   */
  deadLetters(page: DeadLetterPage): Promise<DeadLetter[]>
  /**
   * Puts a dead letter back: an event runs again from attempt 1 and is not stale, a reply is sent again under a
   * new uuid if its outcome was unknown and under its old one otherwise. False if it is not dead.
   */
  resubmit(letter: DeadLetterId): Promise<boolean>
  /**
   * Deletes at most `limit` finished events, with their replies and idle lanes, that ended longer ago than
   * `olderThanMs`; dead letters stay, and events with a reply that is one. Answers how many.
   */
  prune(query: { olderThanMs: number; limit: number }): Promise<number>
  summary(): Promise<{ depth: number; oldestAgeMs: number; dead: number }>
}
