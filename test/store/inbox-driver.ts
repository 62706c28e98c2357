import { expect } from 'vitest'
import type {
  ClaimedEvent,
  EventResult,
  Fence,
  InboxStore,
  NewEvent,
  NewReply,
  ReplyResult,
  StoredReply,
} from '../../src/store/store.ts'
import { event, reply } from '../support/store.ts'

/** What the tests need of an inbox, kept in a database or in memory; it is empty before each test. */
export interface InboxUnderTest {
  readonly inbox: InboxStore
  /** Lets time pass for everything stored. */
  age(ms: number): Promise<void>
  /** What an instance does with its work when it stops. */
  rescue(owner: string): Promise<void>
  readonly instances: {
    renew(owner: string, isDraining?: boolean): Promise<void>
    /** Lets the lease end now. */
    lapse(owner: string): Promise<void>
    /** Another instance takes what is left of those that are gone. */
    rescue(): Promise<unknown>
  }
  /** Throws unless nothing is left over in places the interface does not show. */
  expectIdle?(): Promise<void>
}

export type CurrentInbox = () => InboxUnderTest

type Fields = Partial<Omit<NewEvent, 'event'>> & Partial<NewEvent['event']>

export const HOUR = 3_600_000
export const ERROR = { code: 'REPLY_FAILED', message: 'busy', retryable: true } as const
export const DEAD = {
  reason: 'payload_too_large',
  error: { code: 'PAYLOAD_TOO_LARGE', message: 'too large', retryable: false },
} as const

/** Helpers for the tests' sentences. Everything is claimed by `me`, and written with the fence of its newest claim. */
export function inboxDriver(current: CurrentInbox) {
  /** By event, or event and part. */
  const claims = new Map<string, { readonly attempt: number; readonly fence: Fence }>()
  function claimOf(key: string, attempt: number): Fence {
    const known = claims.get(key)
    if (known?.attempt !== attempt) throw new Error(`${key} was claimed with attempt ${known?.attempt}, not ${attempt}`)
    return known.fence
  }
  const inbox: InboxStore = {
    accept: (events) => current().inbox.accept(events),
    claim: (query) => current().inbox.claim(query),
    claimEvent: (query) => current().inbox.claimEvent(query),
    finish: (finished) => current().inbox.finish(finished),
    settle: (settled) => current().inbox.settle(settled),
    deadLetters: (page) => current().inbox.deadLetters(page),
    resubmit: (letter) => current().inbox.resubmit(letter),
    prune: (query) => current().inbox.prune(query),
    summary: () => current().inbox.summary(),
  }
  const age = (ms: number) => current().age(ms)
  const rescue = () => current().rescue('me')
  async function accept(...all: Fields[]): Promise<number[]> {
    const events = all.map(
      ({ botId = 'bot_a', delayMs, dead, recalls, ...fields }): NewEvent => ({
        botId,
        event: event(fields),
        ...(delayMs === undefined ? {} : { delayMs }),
        ...(dead === undefined ? {} : { dead }),
        ...(recalls === undefined ? {} : { recalls }),
      }),
    )
    return (await inbox.accept(events)).map(({ id }) => id)
  }
  async function claim() {
    const claimed = await inbox.claim({ owner: 'me', limit: 10 })
    for (const item of claimed.items) {
      if (item.kind === 'event') claims.set(String(item.id), item)
      else for (const one of item.replies) claims.set(`${one.eventId}.${one.part}`, one)
    }
    return claimed
  }
  /** What is handed out now: ids of events, `id.part` of replies. */
  const handedOut = async () =>
    (await claim()).items.flatMap((item) =>
      item.kind === 'event' ? [String(item.id)] : item.replies.map(({ eventId, part }) => `${eventId}.${part}`),
    )
  async function claimEvent(): Promise<ClaimedEvent> {
    const [item] = (await claim()).items
    if (item?.kind !== 'event') throw new Error(`claimed ${item?.kind ?? 'nothing'} instead of an event`)
    return item
  }
  async function claimReplies(): Promise<readonly StoredReply[]> {
    const [item] = (await claim()).items
    if (item?.kind !== 'replies') throw new Error(`claimed ${item?.kind ?? 'nothing'} instead of replies`)
    return item.replies
  }
  const end = async (id: number, attempt: number, result: EventResult) =>
    await inbox.finish([{ id, fence: claimOf(String(id), attempt), result }])
  async function finish(id: number, attempt: number, replies: NewReply[] = []) {
    const fence = claimOf(String(id), attempt)
    for (const part of replies.keys()) claims.set(`${id}.${part}`, { attempt: 1, fence })
    return await end(id, attempt, { kind: 'completed', replies })
  }
  const retry = async (id: number, attempt: number, afterMs: number) =>
    await end(id, attempt, { kind: 'retry', afterMs, error: ERROR })
  const bury = async (id: number, attempt: number) =>
    await end(id, attempt, { kind: 'dead', reason: 'attempts_exhausted', error: ERROR })
  const release = async (id: number, attempt: number) => await end(id, attempt, { kind: 'released' })
  const settle = async (eventId: number, part: number, attempt: number, result: ReplyResult) =>
    (await inbox.settle([{ eventId, part, fence: claimOf(`${eventId}.${part}`, attempt), result }]))[0]
  const sent = async (eventId: number, part: number, attempt: number) =>
    await settle(eventId, part, attempt, { kind: 'sent', messageId: 'om_x' })
  const deadReply = (reason = 'refused') => ({ kind: 'dead', reason, error: ERROR, logId: 'log_1' }) as const
  const later = (isRefused: boolean) => ({ kind: 'retry', afterMs: 60_000, error: ERROR, isRefused }) as const
  const letters = async () => await inbox.deadLetters({ limit: 100 })
  /** Completes an event whose replies die but for `alive` more parts, which stay with the owner. */
  async function withDeadReply(reason?: string, alive = 0, lane = 'a'): Promise<number> {
    await accept({ lane })
    const { id } = await claimEvent()
    const replies = Array.from({ length: 1 + alive }, (_none, part) => reply({ uuid: `old_${part}` }))
    await finish(id, 1, replies)
    await settle(id, 0, 1, deadReply(reason))
    return id
  }
  /** Nothing is left to do, now or later. */
  async function expectIdle(): Promise<void> {
    await age(HOUR)
    expect(await claim()).toEqual({ items: [], nextDueMs: null })
    expect(await inbox.summary()).toMatchObject({ depth: 0 })
    await current().expectIdle?.()
  }

  return {
    inbox,
    age,
    rescue,
    accept,
    claim,
    handedOut,
    claimEvent,
    claimReplies,
    finish,
    retry,
    bury,
    release,
    settle,
    sent,
    deadReply,
    later,
    letters,
    withDeadReply,
    expectIdle,
  }
}
