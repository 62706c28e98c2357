import { systemClock } from '../../core/time/clock.ts'
import { deferred } from '../../core/time/deferred.ts'
import { FeishuSupervisorError } from '../../core/errors.ts'
import type { ApiCallName, Fault, FaultyCall, SpoilNext } from '../faults/fault.ts'

/** An event of the simulated platform, for checkers and dashboards. */
export type HistoryEvent =
  /** A user sent a message. `index` counts the user messages of its (app, chat) from 0. */
  | {
      readonly kind: 'sent'
      readonly appId: string
      readonly chatId: string
      readonly messageId: string
      readonly eventId: string
      readonly text: string
      readonly index: number
    }
  /** An event that is no message was sent to the app. `type` is Feishu's event type. */
  | {
      readonly kind: 'event_sent'
      readonly appId: string
      readonly eventId: string
      readonly type: string
      readonly chatId?: string
    }
  /** A user recalled a message. It needs no reply any more and accepts none. */
  | { readonly kind: 'recalled'; readonly appId: string; readonly chatId: string; readonly messageId: string }
  /** The event was written to a connection. Attempt 1 is the first push, 2 to 5 are redeliveries. */
  | ({ readonly kind: 'pushed'; readonly connectionId: string } & PushOfEvent)
  /** The event could not be pushed because the app had no connection, or its webhook could not be reached. */
  | ({ readonly kind: 'push_failed' } & Omit<PushOfEvent, 'deliveryId'>)
  /** An acknowledgement arrived. A late one (after the deadline) does not stop the redelivery. */
  | ({
      readonly kind: 'acked'
      readonly connectionId: string
      readonly code: number
      readonly latencyMs: number
      readonly late: boolean
    } & PushOfEvent)
  | ({ readonly kind: 'ack_timeout' } & PushOfEvent)
  /** A callback was answered; replaces `acked`. The user does not see an answer after the deadline. */
  | {
      readonly kind: 'callback_answered'
      readonly appId: string
      readonly eventId: string
      readonly code: number
      readonly data?: unknown
      readonly latencyMs: number
      readonly late: boolean
    }
  /** The last redelivery failed too. The event is not pushed again. */
  | { readonly kind: 'given_up'; readonly appId: string; readonly eventId: string; readonly messageId: string }
  | { readonly kind: 'discovery'; readonly appId: string; readonly code: number; readonly http: number }
  | { readonly kind: 'connection_opened'; readonly appId: string; readonly connectionId: string }
  /** The connection's first ping arrived. Events may be pushed from now on. */
  | { readonly kind: 'connection_ready'; readonly appId: string; readonly connectionId: string }
  | {
      readonly kind: 'connection_closed'
      readonly appId: string
      readonly connectionId: string
      /** WebSocket close code. 1006: the connection ended without a close frame. */
      readonly code: number
      /** Number of pushes on this connection without an acknowledgement. */
      readonly unackedCount: number
    }
  | { readonly kind: 'token_issued'; readonly appId: string; readonly reused: boolean }
  /** A create or reply call was decided. `repeated`: its uuid had been used, and no new message was shown. */
  | {
      readonly kind: 'reply_received'
      readonly call: 'create' | 'reply'
      /** Absent if the call had no valid token. */
      readonly appId?: string
      readonly replyTo?: string
      readonly uuid?: string
      readonly repeated: boolean
      readonly code: number
    }
  /** A message of the bot became visible in a chat. */
  | {
      readonly kind: 'message_created'
      readonly appId: string
      readonly chatId: string
      readonly messageId: string
      readonly replyTo?: string
      readonly msgType: string
      readonly content: string
    }
  /** A message of the bot has new content: the message was edited, or its card changed. */
  | {
      readonly kind: 'message_updated'
      readonly appId: string
      readonly chatId: string
      readonly messageId: string
      readonly content: string
    }
  /** The bot recalled its own message. */
  | { readonly kind: 'message_recalled'; readonly appId: string; readonly chatId: string; readonly messageId: string }
  /** The bot added an emoji to a message or removed it. */
  | {
      readonly kind: 'bot_reacted'
      readonly appId: string
      readonly messageId: string
      readonly emojiType: string
      readonly isAdded: boolean
    }
  /** Any other call of the open API was decided. Without `appId` the call had no valid token. */
  | { readonly kind: 'api_called'; readonly call: ApiCallName; readonly appId?: string; readonly code: number }
  /** A fault was ordered. */
  | { readonly kind: 'fault'; readonly fault: Fault }
  /** A planned fault struck a call or a frame. */
  | { readonly kind: 'fault_applied'; readonly call: FaultyCall | SpoilNext['target']; readonly appId: string }

/** Which push of which event a history entry is about. */
export interface PushOfEvent {
  readonly appId: string
  readonly eventId: string
  /** The user's message. Empty for an event without a message. */
  readonly messageId: string
  /** The `message_id` header of the frame, new with every attempt. */
  readonly deliveryId: string
  readonly attempt: number
}

/** An entry. `seq` counts from 1 without gaps. `at` is in milliseconds since the epoch, with fractions, and never goes back. */
export type HistoryEntry = HistoryEvent & { readonly seq: number; readonly at: number }

export type HistoryKind = HistoryEntry['kind']

export type EntryOf<K extends HistoryKind> = Extract<HistoryEntry, { readonly kind: K }>

/** Predicate for `once`: matches entries of one kind. */
export function entryOf<K extends HistoryKind>(
  kind: K,
  matches: (entry: EntryOf<K>) => boolean = () => true,
): (entry: HistoryEntry) => entry is EntryOf<K> {
  return (entry): entry is EntryOf<K> => entry.kind === kind && matches(entry as EntryOf<K>)
}

/** The append-only log of a simulator. */
export class History {
  readonly #entries: HistoryEntry[] = []
  readonly #listeners = new Set<(entry: HistoryEntry) => void>()

  get entries(): readonly HistoryEntry[] {
    return this.#entries
  }

  append(event: HistoryEvent): HistoryEntry {
    const entry = { seq: this.#entries.length + 1, at: epochMs(), ...event }
    this.#entries.push(entry)
    for (const listener of this.#listeners) listener(entry)
    return entry
  }

  /** Returns the entries with a larger `seq`. */
  after(seq: number): HistoryEntry[] {
    return this.#entries.slice(Math.max(0, seq))
  }

  /** Calls `listener` with every later entry. `listener` must not throw. Returns the function that removes it. */
  subscribe(listener: (entry: HistoryEntry) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Resolves with the first matching entry after `afterSeq`, past or future. So there is no race between an action and
   * the wait for its result. Rejects with `DEADLINE_EXCEEDED`.
   */
  once<T extends HistoryEntry>(
    matches: (entry: HistoryEntry) => entry is T,
    timeoutMs: number,
    afterSeq?: number,
  ): Promise<T>
  once(matches: (entry: HistoryEntry) => boolean, timeoutMs: number, afterSeq?: number): Promise<HistoryEntry>
  once(matches: (entry: HistoryEntry) => boolean, timeoutMs: number, afterSeq = 0): Promise<HistoryEntry> {
    let found = this.after(afterSeq).find(matches)
    const unsubscribe = this.subscribe((entry) => {
      if (found === undefined && matches(entry)) found = entry
    })
    return this.until(
      () => found,
      timeoutMs,
      () => 'no matching history entry',
    ).finally(unsubscribe)
  }

  /**
   * Calls `check` now and after every new entry, and resolves with its first value other than undefined and false.
   * Rejects with `DEADLINE_EXCEEDED` and the text of `explain`.
   */
  until<T>(check: () => T | undefined | false, timeoutMs: number, explain: () => string): Promise<T> {
    const { promise, resolve, reject } = deferred<T>()
    const update = (): void => {
      try {
        const found = check()
        if (found !== undefined && found !== false) resolve(found)
      } catch (thrown) {
        reject(thrown)
      }
    }
    const unsubscribe = this.subscribe(update)
    const cancelTimer = systemClock.after(timeoutMs, () =>
      reject(new FeishuSupervisorError('DEADLINE_EXCEEDED', `${explain()} within ${timeoutMs} ms`)),
    )
    update()
    return promise.finally(() => {
      unsubscribe()
      cancelTimer()
    })
  }
}

// A monotonic clock: latencies are differences of these values, and the wall clock may be set back.
function epochMs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000) / 1000
}

/** Limit of a wait for an action of a bot. */
export interface WaitOptions {
  /** Milliseconds. Default 5000. */
  readonly timeoutMs?: number
}

export const DEFAULT_WAIT_MS = 5000
