import { randomUUID } from 'node:crypto'
import type { Clock } from '../../src/core/time/clock.ts'
import { type ErrorRecord, FeishuSupervisorError } from '../../src/core/errors.ts'
import type {
  DeadLetter,
  DeadLetterId,
  DeadLetterPage,
  FeishuEvent,
  UploadRef,
} from '../../src/protocol/model/message.ts'
import type {
  Accepted,
  ArrivalOrder,
  Claimed,
  ClaimedEvent,
  ClaimOrder,
  ClaimResult,
  ClosingCard,
  Fence,
  FinishedEvent,
  InboxStore,
  NewEvent,
  NewReply,
  ReplyStore,
  SettledReply,
  StreamLearned,
  StreamProgress,
} from '../../src/store/store.ts'

export interface ReplyRow extends Omit<NewReply, 'uuid'> {
  readonly part: number
  uuid: string
  state: 'pending' | 'sent' | 'dead'
  /** 0: it was resubmitted and nobody has claimed it since. */
  attempt: number
  /** Of its newest claim. */
  epoch: number | null
  refusedCount: number
  storedAt: number
  diedAt?: number
  reason?: string
  error?: ErrorRecord
  logId?: string
}

export interface EventRow {
  readonly id: number
  readonly botId: string
  readonly event: FeishuEvent
  readonly receivedAt: number
  /** Age counts from here, for staleness. */
  freshAt: number
  availableAt: number
  endedAt?: number
  state: 'available' | 'executing' | 'completed' | 'dead'
  attempt: number
  deaths: number
  /** The instance whose death was counted last. */
  lastDeathOf: string | null
  wasClaimed: boolean
  /** Of its newest claim, or of the one that ended it. */
  owner: string | null
  epoch: number | null
  reason?: string
  error?: ErrorRecord
  replies: ReplyRow[]
}

interface LaneRow {
  owner: string | null
  epoch: number
  /** Replies that wait are due from then on. */
  readyAt: number
}

interface Head {
  readonly botId: string
  readonly lane: LaneRow
  readonly row: EventRow
  readonly dueAt: number
}

export type Operation = 'accept' | 'claim' | 'finish' | 'settle'

/** `before`: the call fails and nothing happened. `after`: it is committed, and only its answer is lost. */
export type Fault = 'none' | 'before' | 'after'

/** The fencing and ordering of the real store, in memory, with calls that can fail on either side of the commit. */
export class MemoryStore implements InboxStore, ReplyStore {
  readonly rows: EventRow[] = []
  readonly calls: Operation[] = []
  fault: (operation: Operation) => Fault = () => 'none'
  readonly #lanes = new Map<string, LaneRow>()
  readonly #streams = new Map<string, StreamProgress>()
  readonly #uploads = new Map<string, Uint8Array>()
  readonly #clock: Clock
  #lastId = 0
  #lastEpoch = 0
  readonly #lostClaims: Claimed[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  accept(events: readonly NewEvent[], claim?: ArrivalOrder): Promise<Accepted[]> {
    const claimed: Claimed[] = []
    const accepted = this.#call('accept', () => {
      for (const recall of events) this.#recall(recall)
      const stored = events.map((newEvent) => this.#accept(newEvent))
      if (claim === undefined) return stored
      const known = new Set(stored.filter(({ duplicate }) => duplicate).map(({ id }) => id))
      const now = this.#clock.now()
      const fresh = stored.flatMap(({ id }) =>
        this.#heads().filter(({ row, dueAt }) => row.id === id && !known.has(id) && dueAt <= now),
      )
      const free = fresh.filter(({ botId, row }) => claim.isBusy?.(botId, row.event.lane) !== true)
      for (const head of this.#fitting(free, claim)) claimed.push(this.#take(head, claim.owner))
      return stored.map((one): Accepted => {
        const own = claimed.find((item) => item.kind === 'event' && item.id === one.id)
        return own?.kind === 'event' && !one.duplicate ? { ...one, claimed: own } : one
      })
    })
    return accepted.catch((error: unknown) => {
      this.#lostClaims.push(...claimed)
      throw error
    })
  }

  claim(claim: ClaimOrder): Promise<ClaimResult> {
    for (const item of this.#lostClaims.splice(0)) this.#unclaim(item)
    let items: Claimed[] = []
    const claimed = this.#call('claim', () => {
      const now = this.#clock.now()
      const { perBot = 1e9, perBotLimits = {} } = claim
      const free = this.#heads().filter(({ botId, lane }) => lane.owner === null && (perBotLimits[botId] ?? perBot) > 0)
      const due = free.filter(({ dueAt }) => dueAt <= now)
      const later = free.filter(({ dueAt }) => dueAt > now).map(({ dueAt }) => dueAt - now)
      items = this.#fitting(due, claim).map((head) => this.#take(head, claim.owner))
      const nextDueMs = due.length > items.length ? 0 : later.length > 0 ? Math.min(...later) : null
      return { items, nextDueMs }
    })
    return claimed.catch((error: unknown) => {
      this.#lostClaims.push(...items)
      throw error
    })
  }

  claimEvent({ owner, eventId }: Parameters<InboxStore['claimEvent']>[0]): Promise<ClaimedEvent | null> {
    return this.#call('claim', () => {
      const head = this.#heads().find(({ row }) => row.id === eventId)
      if (head === undefined || head.lane.owner !== null || head.dueAt > this.#clock.now()) return null
      if (head.row.state !== 'available') return null
      return this.#take(head, owner) as ClaimedEvent
    })
  }

  finish(finished: readonly FinishedEvent[]): Promise<boolean[]> {
    return this.#call('finish', () => finished.map((item) => this.#finish(item)))
  }

  settle(settled: readonly SettledReply[]): Promise<boolean[]> {
    return this.#call('settle', () => settled.map((item) => this.#settle(item)))
  }

  deadLetters({ limit, offset = 0, before = Infinity }: DeadLetterPage): Promise<DeadLetter[]> {
    const letters = this.rows
      .flatMap(lettersOf)
      .filter(({ endedAt }) => endedAt < before)
      .sort((a, b) => b.endedAt - a.endedAt || b.eventId - a.eventId || (a.part ?? 0) - (b.part ?? 0))
      .slice(offset)
    return Promise.resolve(
      letters.filter(({ endedAt }, index) => index < limit || endedAt === letters[limit - 1]?.endedAt),
    )
  }

  resubmit({ eventId, part }: DeadLetterId): Promise<boolean> {
    const row = this.rows.find(({ id }) => id === eventId)
    const reply = part === undefined ? undefined : row?.replies[part]
    const now = this.#clock.now()
    if (row === undefined || (part === undefined ? row : reply)?.state !== 'dead') return Promise.resolve(false)
    if (reply === undefined) {
      Object.assign(row, { state: 'available', attempt: 0, owner: null, freshAt: now, availableAt: now })
      Object.assign(row, { deaths: 0, lastDeathOf: null })
      delete row.reason
      delete row.endedAt
      return Promise.resolve(true)
    }
    const lane = this.#lane(row.botId, row.event.lane)
    if (this.#pending(lane).length === 0) lane.readyAt = now
    if (reply.reason === 'outcome_unknown') reply.uuid = randomUUID()
    Object.assign(reply, { state: 'pending', attempt: 0, epoch: null, refusedCount: 0, storedAt: now })
    delete reply.reason
    delete reply.diedAt
    return Promise.resolve(true)
  }

  prune({ olderThanMs, limit }: Parameters<InboxStore['prune']>[0]): Promise<number> {
    const before = this.#clock.now() - olderThanMs
    const old = this.rows
      .filter(({ state, endedAt = Infinity }) => state === 'completed' && endedAt <= before)
      .filter(({ replies }) => replies.every(({ state }) => state === 'sent'))
      .sort((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0))
      .slice(0, limit)
    for (const row of old) this.rows.splice(this.rows.indexOf(row), 1)
    for (const [key, lane] of this.#lanes) {
      if (lane.owner === null && this.#rowsOf(lane).length === 0) this.#lanes.delete(key)
    }
    return Promise.resolve(old.length)
  }

  putUpload(eventId: number, fence: Fence, { id }: UploadRef, bytes: Uint8Array): Promise<boolean> {
    if (!this.#isHeld(eventId, fence)) return Promise.resolve(false)
    this.#uploads.set(`${eventId} ${id}`, bytes)
    return Promise.resolve(true)
  }

  upload(eventId: number, { id }: UploadRef): Promise<Uint8Array | null> {
    return Promise.resolve(this.#uploads.get(`${eventId} ${id}`) ?? null)
  }

  dropUploads(): Promise<void> {
    return Promise.resolve()
  }

  stream(eventId: number, fence: Fence, stream: number, learned: StreamLearned = {}): Promise<StreamProgress | null> {
    if (!this.#isHeld(eventId, fence)) return Promise.resolve(null)
    const key = `${eventId} ${stream}`
    const before = this.#streams.get(key) ?? { stream, fallback: 0, sequence: 0 }
    const { fallback = 0, changes = 0, isSending = false, ...ids } = learned
    const after: StreamProgress = {
      ...ids,
      ...(isSending ? { sendingMs: 0 } : {}),
      ...before,
      fallback: Math.max(before.fallback, fallback),
      sequence: before.sequence + changes,
    }
    this.#streams.set(key, after)
    return Promise.resolve(after)
  }

  closeStreams(eventId: number, fence: Fence, except: readonly number[]): Promise<readonly ClosingCard[]> {
    const row = this.#rowOf(eventId)
    const isOver = row?.state === 'completed' || row?.state === 'dead'
    if (!isOver || row.owner !== fence.owner || row.epoch !== fence.epoch) return Promise.resolve([])
    const closing = [...this.#streams].flatMap(([key, progress]): ClosingCard[] => {
      const { stream, cardId, sendingMs, sequence } = progress
      if (key !== `${eventId} ${stream}` || cardId === undefined || sendingMs === undefined) return []
      if (except.includes(stream)) return []
      this.#streams.set(key, { ...progress, sequence: sequence + 1 })
      return [{ cardId, sequence: sequence + 1 }]
    })
    return Promise.resolve(closing)
  }

  summary(): Promise<{ depth: number; oldestAgeMs: number; dead: number }> {
    return Promise.resolve({
      depth: this.#heads().length,
      oldestAgeMs: 0,
      dead: this.rows.flatMap(lettersOf).length,
    })
  }

  /** What becomes of the work of an owner that is gone. `isDeath`: it had not stored that it drains. */
  rescue(owner: string, isDeath = true): void {
    for (const lane of this.#lanes.values()) {
      if (lane.owner !== owner) continue
      lane.owner = null
      lane.readyAt = this.#clock.now()
      for (const row of this.#rowsOf(lane)) {
        if (row.state !== 'executing') continue
        Object.assign(row, { state: 'available', owner: null, attempt: row.attempt - 1 })
        if (isDeath) Object.assign(row, { deaths: row.deaths + 1, lastDeathOf: owner })
      }
      // Only the first can have been tried.
      for (const { reply } of this.#pending(lane).filter(isClaimed).slice(1)) reply.refusedCount += 1
    }
  }

  /** An owner that was taken for dead lives. */
  takeBackDeaths(owner: string): void {
    for (const row of this.rows) {
      if (row.lastDeathOf === owner) Object.assign(row, { deaths: Math.max(0, row.deaths - 1), lastDeathOf: null })
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
    const key = `${botId}\n${lane}`
    const row = this.#lanes.get(key) ?? { owner: null, epoch: 0, readyAt: 0 }
    this.#lanes.set(key, row)
    return row
  }

  #rowOf(eventId: number): EventRow | undefined {
    return this.rows.find(({ id }) => id === eventId)
  }

  #isHeld(eventId: number, fence: Fence): boolean {
    const row = this.#rowOf(eventId)
    return row !== undefined && holds(fence, this.#lane(row.botId, row.event.lane))
  }

  #rowsOf(lane: LaneRow): EventRow[] {
    return this.rows.filter(({ botId, event }) => this.#lane(botId, event.lane) === lane)
  }

  #pending(lane: LaneRow): { row: EventRow; reply: ReplyRow }[] {
    return this.#rowsOf(lane).flatMap((row) =>
      row.replies.filter(({ state }) => state === 'pending').map((reply) => ({ row, reply })),
    )
  }

  /** What each lane gives out next, oldest first: the event whose replies wait, or its first event that is not over. */
  #heads(): Head[] {
    const heads = new Map<LaneRow, Head>()
    for (const row of this.rows) {
      const { botId } = row
      const lane = this.#lane(botId, row.event.lane)
      const isUnsent = row.replies.some(({ state }) => state === 'pending')
      const isOpen = row.state === 'available' || row.state === 'executing'
      const known = heads.get(lane)
      if (isUnsent && (known === undefined || isRunnable(known.row))) {
        heads.set(lane, { botId, lane, row, dueAt: lane.readyAt })
      } else if (isOpen && known === undefined) {
        heads.set(lane, { botId, lane, row, dueAt: row.availableAt })
      }
    }
    return [...heads.values()]
  }

  #fitting(heads: readonly Head[], { limit, perBot = 1e9, perBotLimits = {} }: ClaimOrder): Head[] {
    const taken = new Map<string, number>()
    const fitting = heads.filter(({ botId, lane }) => {
      taken.set(botId, (taken.get(botId) ?? 0) + 1)
      return lane.owner === null && (taken.get(botId) ?? 0) <= (perBotLimits[botId] ?? perBot)
    })
    return fitting.slice(0, limit)
  }

  #recall({ botId, event, recalls }: NewEvent): void {
    if (recalls === undefined) return
    const row = this.#find(botId, recalls) ?? this.#add(botId, { ...event, dedupeKey: recalls })
    if (row.state !== 'available') return
    Object.assign(row, { state: 'completed', reason: 'recalled', endedAt: this.#clock.now() })
  }

  #accept({ botId, event, delayMs = 0, dead }: NewEvent): Accepted {
    const known = this.#find(botId, event.dedupeKey)
    if (known !== undefined) return { id: known.id, duplicate: true }
    const row = this.#add(botId, event)
    row.availableAt += delayMs
    if (dead !== undefined) Object.assign(row, { state: 'dead', endedAt: row.receivedAt, ...dead })
    return { id: row.id, duplicate: false }
  }

  #find(botId: string, dedupeKey: string): EventRow | undefined {
    return this.rows.find((row) => row.botId === botId && row.event.dedupeKey === dedupeKey)
  }

  #add(botId: string, event: FeishuEvent): EventRow {
    const now = this.#clock.now()
    const times = { receivedAt: now, freshAt: now, availableAt: now }
    const unclaimed = {
      attempt: 0,
      deaths: 0,
      lastDeathOf: null,
      wasClaimed: false,
      owner: null,
      epoch: null,
      replies: [],
    }
    const row: EventRow = { id: ++this.#lastId, botId, event, ...times, state: 'available', ...unclaimed }
    this.rows.push(row)
    return row
  }

  #take({ row, lane }: Head, owner: string): Claimed {
    const epoch = ++this.#lastEpoch
    const fence = { owner, epoch }
    Object.assign(lane, fence)
    const { botId, event } = row
    const now = this.#clock.now()
    if (row.state !== 'available') {
      const replies = this.#pending(lane).map(({ row: { id: eventId }, reply }) => {
        reply.attempt += 1
        reply.epoch = epoch
        const { part, messageId, receiver, uuid, msgType, content, delivery, attempt, refusedCount, storedAt } = reply
        const unknownAttempts = Math.max(0, attempt - 1 - refusedCount)
        const shown = { messageId, receiver, uuid, msgType, content, ...(delivery && { delivery }) }
        return { eventId, part, ...shown, fence, attempt, unknownAttempts, ageMs: now - storedAt }
      })
      return { kind: 'replies', botId, lane: event.lane, replies }
    }
    const { wasClaimed } = row
    Object.assign(row, { state: 'executing', ...fence, wasClaimed: true })
    row.attempt += 1
    const { type, dedupeKey, payload } = event
    return {
      kind: 'event',
      id: row.id,
      botId,
      lane: event.lane,
      type,
      dedupeKey,
      payload,
      fence,
      attempt: row.attempt,
      deaths: row.deaths,
      wasClaimed,
      ageMs: now - row.receivedAt,
      staleMs: now - row.freshAt,
      hasMore: this.rows.some(
        (other) => other !== row && other.botId === botId && other.event.lane === event.lane && isUnfinished(other),
      ),
    }
  }

  #unclaim(item: Claimed): void {
    const lane = this.#lane(item.botId, item.lane)
    const fence = item.kind === 'event' ? item.fence : item.replies[0]?.fence
    if (fence === undefined || !holds(fence, lane)) return
    lane.owner = null
    if (item.kind === 'event') {
      const row = this.#rowOf(item.id)
      if (row !== undefined) Object.assign(row, { state: 'available', owner: null, attempt: row.attempt - 1 })
    } else {
      for (const { eventId, part } of item.replies) this.#rowOf(eventId)!.replies[part]!.attempt -= 1
    }
  }

  #finish({ id, fence, result }: FinishedEvent): boolean {
    const row = this.#rowOf(id)
    if (row === undefined) return false
    const lane = this.#lane(row.botId, row.event.lane)
    const now = this.#clock.now()
    if (row.state !== 'executing' || !holds(fence, lane)) return false
    switch (result.kind) {
      case 'completed':
        row.state = 'completed'
        row.endedAt = now
        if (result.reason !== undefined) row.reason = result.reason
        row.replies = result.replies.map((reply, part): ReplyRow => {
          return { ...reply, part, state: 'pending', attempt: 1, epoch: row.epoch, refusedCount: 0, storedAt: now }
        })
        if (row.replies.length > 0) return true
        break
      case 'retry':
        row.state = 'available'
        row.owner = null
        row.availableAt = now + result.afterMs
        break
      case 'dead':
        Object.assign(row, { state: 'dead', endedAt: now, reason: result.reason, error: result.error })
        break
      case 'released':
        row.state = 'available'
        row.owner = null
        row.attempt -= 1
        row.availableAt = now + (result.afterMs ?? 0)
        break
    }
    lane.owner = null
    return true
  }

  #settle({ eventId, part, fence, result }: SettledReply): boolean {
    const row = this.#rowOf(eventId)
    if (row === undefined) return false
    const lane = this.#lane(row.botId, row.event.lane)
    const [first, ...behind] = this.#pending(lane).filter(isClaimed)
    if (first === undefined || first.row !== row || first.reply.part !== part) return false
    const { reply } = first
    if (reply.epoch !== fence.epoch || !holds(fence, lane)) return false
    if (result.kind === 'retry') {
      lane.owner = null
      lane.readyAt = this.#clock.now() + result.afterMs
      if (result.isRefused) reply.refusedCount += 1
      // Claimed with it, but nobody tried them.
      for (const { reply: waited } of behind) waited.refusedCount += 1
      return true
    }
    reply.state = result.kind
    if (result.kind === 'dead') {
      const { reason, error, logId } = result
      Object.assign(reply, { reason, error, diedAt: this.#clock.now(), ...(logId === undefined ? {} : { logId }) })
    }
    if (behind.length === 0) {
      lane.owner = null
      lane.readyAt = this.#clock.now()
    }
    return true
  }
}

function isRunnable({ state }: EventRow): boolean {
  return state === 'available' || state === 'executing'
}

function isClaimed({ reply }: { readonly reply: ReplyRow }): boolean {
  return reply.attempt > 0
}

function lettersOf({ id: eventId, botId, event, ...row }: EventRow): DeadLetter[] {
  const { lane, type, dedupeKey, payload } = event
  const shared = { eventId, botId, lane, type, dedupeKey }
  const endOf = ({ reason = '', error, attempt }: EventRow | ReplyRow | typeof row) => ({
    attempt,
    reason,
    ...(error === undefined ? {} : { error }),
  })
  const letters: DeadLetter[] = row.replies
    .filter(({ state }) => state === 'dead')
    .map((reply) => ({
      kind: 'reply',
      ...shared,
      part: reply.part,
      payload: reply.content,
      ...endOf(reply),
      ...(reply.logId === undefined ? {} : { logId: reply.logId }),
      endedAt: reply.diedAt ?? 0,
    }))
  if (row.state === 'dead')
    letters.push({ kind: 'event', ...shared, payload, ...endOf(row), endedAt: row.endedAt ?? 0 })
  return letters
}

function holds(fence: Fence, lane: LaneRow): boolean {
  return fence.owner === lane.owner && fence.epoch === lane.epoch
}

function isUnfinished({ state }: EventRow): boolean {
  return state === 'available' || state === 'executing'
}
