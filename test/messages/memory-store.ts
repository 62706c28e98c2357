import type { Clock } from '../../src/core/clock.ts'
import { FeishuSupervisorError } from '../../src/core/errors.ts'
import type { FeishuEvent } from '../../src/protocol/message.ts'
import type {
  Accepted,
  Claimed,
  ClaimedEvent,
  ClaimResult,
  Fence,
  FinishedEvent,
  InboxStore,
  NewReply,
  ReplyResult,
  SettledReply,
} from '../../src/store/store.ts'

export interface ReplyRow extends NewReply {
  readonly part: number
  state: 'pending' | 'sent' | 'dead'
  attempt: number
  reason?: string
}

export interface EventRow {
  readonly id: number
  readonly botId: string
  readonly event: FeishuEvent
  readonly receivedAt: number
  state: 'available' | 'executing' | 'completed' | 'dead'
  attempt: number
  reason?: string
  replies: ReplyRow[]
}

interface LaneRow {
  owner: string | null
  readyAt: number
}

export type Operation = 'accept' | 'claim' | 'finish' | 'settle'

/** `before`: the call fails and nothing happened. `after`: it is committed, and only its answer is lost. */
export type Fault = 'none' | 'before' | 'after'

/** The fencing and ordering of the real store, in memory, with calls that can fail on either side of the commit. */
export class MemoryStore implements InboxStore {
  readonly rows: EventRow[] = []
  readonly calls: Operation[] = []
  fault: (operation: Operation) => Fault = () => 'none'
  readonly #lanes = new Map<string, LaneRow>()
  readonly #clock: Clock
  #lostClaim: readonly Claimed[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  accept(botEvents: Parameters<InboxStore['accept']>[0]): Promise<Accepted[]> {
    return this.#call('accept', () =>
      botEvents.map(({ botId, event }) => {
        const known = this.rows.find((row) => row.botId === botId && row.event.dedupeKey === event.dedupeKey)
        if (known !== undefined) return { id: known.id, duplicate: true }
        const id = this.rows.length + 1
        const receivedAt = this.#clock.now()
        this.rows.push({ id, botId, event, receivedAt, state: 'available', attempt: 0, replies: [] })
        return { id, duplicate: false }
      }),
    )
  }

  claim({ owner, limit, excludeBotIds }: Parameters<InboxStore['claim']>[0]): Promise<ClaimResult> {
    for (const item of this.#lostClaim) this.#unclaim(item)
    this.#lostClaim = []
    let items: Claimed[] = []
    const claimed = this.#call('claim', () => {
      const now = this.#clock.now()
      const free = this.#heads().filter(({ botId, lane }) => lane.owner === null && !excludeBotIds.includes(botId))
      const due = free.filter(({ lane }) => lane.readyAt <= now)
      const later = free.filter(({ lane }) => lane.readyAt > now).map(({ lane }) => lane.readyAt - now)
      items = due.slice(0, limit).map(({ row, lane }) => this.#take(row, lane, owner))
      const nextDueMs = due.length > limit ? 0 : later.length > 0 ? Math.min(...later) : null
      return { items, nextDueMs }
    })
    return claimed.catch((error: unknown) => {
      this.#lostClaim = items
      throw error
    })
  }

  claimEvent({ owner, eventId }: Parameters<InboxStore['claimEvent']>[0]): Promise<ClaimedEvent | null> {
    return this.#call('claim', () => {
      const now = this.#clock.now()
      const head = this.#heads().find(({ row }) => row.id === eventId)
      if (head === undefined || head.lane.owner !== null || head.lane.readyAt > now) return null
      if (head.row.state !== 'available') return null
      return this.#take(head.row, head.lane, owner) as ClaimedEvent
    })
  }

  finish(finished: readonly FinishedEvent[]): Promise<boolean[]> {
    return this.#call('finish', () => finished.map((item) => this.#finish(item)))
  }

  settle(settled: readonly SettledReply[]): Promise<boolean[]> {
    return this.#call('settle', () => settled.map((item) => this.#settle(item)))
  }

  deadLetters(): Promise<never[]> {
    return Promise.reject(new Error('not kept in memory'))
  }

  summary(): Promise<{ depth: number; oldestAgeMs: number; dead: number }> {
    const open = this.#heads().length
    return Promise.resolve({ depth: open, oldestAgeMs: 0, dead: this.rows.filter((r) => r.state === 'dead').length })
  }

  /** What a lease that ran out does to the work of its owner. */
  rescue(owner: string): void {
    for (const { row, lane } of this.#heads()) {
      if (lane.owner !== owner) continue
      lane.owner = null
      lane.readyAt = this.#clock.now()
      if (row.state === 'executing') row.state = 'available'
    }
  }

  owners(): string[] {
    return [...this.#lanes.values()].flatMap(({ owner }) => (owner === null ? [] : [owner]))
  }

  async #call<T>(operation: Operation, run: () => T): Promise<T> {
    this.calls.push(operation)
    const fault = this.fault(operation)
    await Promise.resolve()
    if (fault === 'before') throw new FeishuSupervisorError('STORE_UNAVAILABLE', 'the store is down')
    const answer = run()
    await Promise.resolve()
    if (fault === 'after') throw new FeishuSupervisorError('STORE_UNAVAILABLE', 'the answer is lost')
    return answer
  }

  #lane(botId: string, lane: string): LaneRow {
    const key = JSON.stringify([botId, lane])
    const row = this.#lanes.get(key) ?? { owner: null, readyAt: 0 }
    this.#lanes.set(key, row)
    return row
  }

  /** The first event of each lane that is not over, oldest first. */
  #heads(): { row: EventRow; lane: LaneRow; botId: string }[] {
    const heads = new Map<LaneRow, { row: EventRow; lane: LaneRow; botId: string }>()
    for (const row of this.rows) {
      const lane = this.#lane(row.botId, row.event.lane)
      const isOver =
        row.state === 'dead' || (row.state === 'completed' && row.replies.every(({ state }) => state !== 'pending'))
      if (!isOver && !heads.has(lane)) heads.set(lane, { row, lane, botId: row.botId })
    }
    return [...heads.values()]
  }

  #take(row: EventRow, lane: LaneRow, owner: string): Claimed {
    lane.owner = owner
    const { botId, event } = row
    if (row.state === 'completed') {
      const pending = row.replies.filter(({ state }) => state === 'pending')
      for (const reply of pending) reply.attempt += 1
      return {
        kind: 'replies',
        botId,
        lane: event.lane,
        replies: pending.map(({ part, messageId, receiver, uuid, msgType, content, attempt }) => ({
          eventId: row.id,
          part,
          messageId,
          receiver,
          uuid,
          msgType,
          content,
          attempt,
          unknownAttempts: 0,
          ageMs: this.#clock.now() - row.receivedAt,
        })),
      }
    }
    row.state = 'executing'
    row.attempt += 1
    const { type, dedupeKey, payload } = event
    const ageMs = this.#clock.now() - row.receivedAt
    return {
      kind: 'event',
      id: row.id,
      botId,
      lane: event.lane,
      type,
      dedupeKey,
      payload,
      attempt: row.attempt,
      ageMs,
      staleMs: ageMs,
    }
  }

  #unclaim(item: Claimed): void {
    this.#lane(item.botId, item.lane).owner = null
    const id = item.kind === 'event' ? item.id : item.replies[0]?.eventId
    const row = this.rows.find((candidate) => candidate.id === id)
    if (row === undefined) return
    if (item.kind === 'replies') for (const { part } of item.replies) row.replies[part]!.attempt -= 1
    else Object.assign(row, { state: 'available', attempt: row.attempt - 1 })
  }

  #finish({ id, fence, result }: FinishedEvent): boolean {
    const row = this.rows.find((candidate) => candidate.id === id)
    if (row === undefined) return false
    const lane = this.#lane(row.botId, row.event.lane)
    if (row.state !== 'executing' || !holds(fence, lane.owner, row.attempt)) return false
    switch (result.kind) {
      case 'completed':
        row.state = 'completed'
        row.replies = result.replies.map((reply, part) => ({ ...reply, part, state: 'pending', attempt: 1 }))
        if (row.replies.length > 0) return true
        break
      case 'retry':
        row.state = 'available'
        lane.readyAt = this.#clock.now() + result.afterMs
        break
      case 'dead':
        row.state = 'dead'
        row.reason = result.reason
        break
      case 'released':
        row.state = 'available'
        row.attempt -= 1
        break
    }
    lane.owner = null
    return true
  }

  #settle({ eventId, part, fence, result }: SettledReply): boolean {
    const row = this.rows.find((candidate) => candidate.id === eventId)
    const reply = row?.replies.find(({ state }) => state === 'pending')
    if (row === undefined || reply === undefined || reply.part !== part) return false
    const lane = this.#lane(row.botId, row.event.lane)
    if (!holds(fence, lane.owner, reply.attempt)) return false
    this.#apply(reply, lane, result)
    if (row.replies.every(({ state }) => state !== 'pending')) lane.owner = null
    return true
  }

  #apply(reply: ReplyRow, lane: LaneRow, result: ReplyResult): void {
    if (result.kind === 'retry') {
      lane.owner = null
      lane.readyAt = this.#clock.now() + result.afterMs
      return
    }
    reply.state = result.kind
    if (result.kind === 'dead') reply.reason = result.reason
  }
}

function holds(fence: Fence, owner: string | null, attempt: number): boolean {
  return fence.owner === owner && fence.attempt === attempt
}
