import { randomUUID } from 'node:crypto'
import { isPlanted } from '../core/crash-point.ts'
import { systemClock } from '../core/clock.ts'
import { ACCEPT, RECALL } from './accept-statements.ts'
import { type AcceptedRow, accepted } from './accepted-rows.ts'
import { CLAIM_EVENT } from './claim-event.ts'
import { type ClaimedRow, type EventRow, toClaimedEvent, toClaimResult } from './claimed-rows.ts'
import type { DeadLetter, DeadLetterId, DeadLetterPage, FeishuEvent } from '../protocol/message.ts'
import type { Queries, Statement } from './database.ts'
import { type DeadLetterRow, toDeadLetter } from './dead-letter-rows.ts'
import { DEAD_LETTERS, RESUBMIT_EVENT, RESUBMIT_REPLY } from './dead-letter-statements.ts'
import { FINISH, SETTLE } from './finish-statements.ts'
import { CLAIM, SUMMARY } from './inbox-statements.ts'
import { UNCLAIM } from './instances.ts'
import { LostClaims } from './lost-claims.ts'
import { PRUNE } from './prune-statement.ts'
import { storable, storableError, storableInstant, storableKey } from './storable.ts'
import type {
  Accepted,
  ClaimedEvent,
  ClaimOrder,
  ClaimResult,
  FinishedEvent,
  InboxStore,
  NewEvent,
  SettledReply,
} from './store.ts'
import { UnknownOutcomes } from './unknown-outcomes.ts'

/** Of an int4. */
const MOST_LANES = 2 ** 31 - 1

const NO_CLAIM: Omit<ClaimOrder, 'owner'> & { readonly owner: null } = { owner: null, limit: 0 }

/** The durable inbox and outbox; inbox-statements.ts holds the semantics. */
export class Inbox implements InboxStore {
  readonly #database: Queries
  readonly #lostClaims = new LostClaims(systemClock)
  readonly #unknown = new UnknownOutcomes()

  constructor(database: Queries) {
    this.#database = database
  }

  async accept(events: readonly NewEvent[], claim?: ClaimOrder): Promise<Accepted[]> {
    if (events.length === 0) return []
    // First, so that a recall that is stored has been carried out; carrying it out twice does no harm.
    await this.#recall(events)
    const token = randomUUID()
    const rows = await this.#database
      .query<AcceptedRow>(
        ACCEPT,
        [
          ...columns(events.map(({ botId, event }) => ({ ...event, botId }))),
          events.map(({ delayMs = 0 }) => delayMs),
          events.map(({ dead }) => (dead === undefined ? null : storable(dead.reason))),
          events.map(({ dead }) => (dead === undefined ? null : storableError(dead.error))),
          events.map(({ event }) => ago(event.receivedAt)),
          ...claimValues(claim ?? NO_CLAIM),
          token,
        ],
        'storing events',
      )
      .catch((thrown: unknown) => {
        if (claim !== undefined) this.#lostClaims.add(token)
        throw thrown
      })
    // No id: somebody else stored the same event after this statement began. Now it can be seen.
    const unseen = events.filter((_event, index) => rows[index]?.id === null)
    const seen = unseen.length === 0 ? [] : await this.accept(unseen)
    return rows.map((row, index) => (row.id === null ? (seen.shift() as Accepted) : accepted(row, index, events)))
  }

  async #recall(events: readonly NewEvent[]): Promise<void> {
    const recalled = events.flatMap(({ botId, event, recalls }) =>
      recalls === undefined ? [] : [{ ...event, botId, dedupeKey: recalls }],
    )
    if (recalled.length > 0) await this.#database.query(RECALL, columns(recalled), 'recalling events')
  }

  async claim(claim: ClaimOrder): Promise<ClaimResult> {
    const lost = this.#lostClaims.tokens()
    if (lost.length > 0) await this.#database.query(UNCLAIM, [lost], 'giving back work of a lost claim')
    const token = randomUUID()
    try {
      const rows = await this.#database.query<ClaimedRow>(CLAIM, [...claimValues(claim), token], 'claiming work')
      return toClaimResult(rows)
    } catch (thrown) {
      this.#lostClaims.add(token)
      throw thrown
    }
  }

  async claimEvent({ owner, eventId }: Parameters<InboxStore['claimEvent']>[0]): Promise<ClaimedEvent | null> {
    const token = randomUUID()
    try {
      const [row] = await this.#database.query<EventRow>(CLAIM_EVENT, [owner, eventId, token], 'claiming an event')
      return row === undefined ? null : toClaimedEvent(row)
    } catch (thrown) {
      this.#lostClaims.add(token)
      throw thrown
    }
  }

  async finish(finished: readonly FinishedEvent[]): Promise<boolean[]> {
    if (finished.length === 0) return []
    const keys = finished.map(({ id, fence, result }) => `e:${id}:${fence.owner}:${fence.attempt}:${result.kind}`)
    const replies = finished.flatMap(({ result }, index) =>
      result.kind === 'completed' ? result.replies.map((reply, part) => ({ ...reply, part, ord: index + 1 })) : [],
    )
    const results = finished.map(({ result }) => result)
    const values = [
      finished.map(({ id }) => id),
      finished.map(({ fence }) => fence.owner),
      finished.map(({ fence }) => fence.attempt),
      results.map(({ kind }) => kind),
      results.map((result) => ('afterMs' in result ? (result.afterMs ?? 0) : 0)),
      results.map((result) => ('reason' in result && result.reason !== undefined ? storable(result.reason) : null)),
      results.map((result) => ('error' in result ? storableError(result.error) : null)),
      keys.map((key) => this.#unknown.has(key)),
      replies.map(({ ord }) => ord),
      replies.map(({ part }) => part),
      replies.map(({ messageId }) => (messageId === null ? null : storable(messageId))),
      replies.map(({ uuid }) => storable(uuid)),
      replies.map(({ msgType }) => storable(msgType)),
      replies.map(({ content }) => storable(content)),
      replies.map(({ receiver }) => receiver.type),
      replies.map(({ receiver }) => storable(receiver.id)),
      finished.map(({ ackedAt }) => ago(ackedAt)),
      replies.map(({ delivery }) => (delivery === undefined ? null : JSON.stringify(delivery))),
    ]
    const held = await this.#unknown.watch(keys, () =>
      this.#database.query<{ ord: number }>(drilled(FINISH), values, 'finishing events'),
    )
    return flags(finished.length, held)
  }

  async settle(settled: readonly SettledReply[]): Promise<boolean[]> {
    if (settled.length === 0) return []
    const keys = settled.map(
      ({ eventId, part, fence, result }) => `r:${eventId}:${part}:${fence.owner}:${fence.attempt}:${result.kind}`,
    )
    const results = settled.map(({ result }) => result)
    const values = [
      settled.map(({ eventId }) => eventId),
      settled.map(({ part }) => part),
      settled.map(({ fence }) => fence.owner),
      settled.map(({ fence }) => fence.attempt),
      results.map(({ kind }) => kind),
      results.map((result) => (result.kind === 'sent' ? storable(result.messageId) : null)),
      results.map((result) => (result.kind === 'retry' ? result.afterMs : null)),
      results.map((result) => (result.kind === 'dead' ? storable(result.reason) : null)),
      results.map((result) => ('error' in result ? storableError(result.error) : null)),
      results.map((result) => (result.kind === 'dead' && result.logId !== undefined ? storable(result.logId) : null)),
      keys.map((key) => this.#unknown.has(key)),
      results.map((result) => result.kind === 'retry' && result.isRefused),
    ]
    const held = await this.#unknown.watch(keys, () =>
      this.#database.query<{ ord: number }>(drilled(SETTLE), values, 'settling replies'),
    )
    return flags(settled.length, held)
  }

  async deadLetters({ limit, offset = 0, before }: DeadLetterPage): Promise<DeadLetter[]> {
    const values = [limit, offset, before ?? null]
    const rows = await this.#database.query<DeadLetterRow>(DEAD_LETTERS, values, 'listing dead letters')
    return rows.map(toDeadLetter)
  }

  async resubmit({ eventId, part }: DeadLetterId): Promise<boolean> {
    const [statement, values] =
      part === undefined ? [RESUBMIT_EVENT, [eventId]] : [RESUBMIT_REPLY, [eventId, part, randomUUID()]]
    const [row] = await this.#database.query<{ put_back: number }>(statement, values, 'resubmitting a dead letter')
    return row?.put_back === 1
  }

  async prune({ olderThanMs, limit }: Parameters<InboxStore['prune']>[0]): Promise<number> {
    const [row] = await this.#database.query<{ pruned: number }>(PRUNE, [olderThanMs, limit], 'pruning the inbox')
    return row?.pruned ?? 0
  }

  async summary(): Promise<{ depth: number; oldestAgeMs: number; dead: number }> {
    const [row] = await this.#database.query<{ depth: number; oldest_age_ms: number; dead: number }>(
      SUMMARY,
      [],
      'counting the inbox',
    )
    return { depth: row?.depth ?? 0, oldestAgeMs: row?.oldest_age_ms ?? 0, dead: row?.dead ?? 0 }
  }
}

/** An instant of ours as the database takes it: by its own clock. */
function ago(at: number | undefined): number | null {
  return at === undefined ? null : Math.max(0, systemClock.now() - at)
}

/** The values of a claim but for its token. */
function claimValues({ owner, limit, perBot = MOST_LANES, rooms = {} }: typeof NO_CLAIM | ClaimOrder): unknown[] {
  return [owner, limit, Object.keys(rooms), Object.values(rooms), perBot]
}

/** One array per column of what identifies an event. */
function columns(events: readonly (FeishuEvent & { readonly botId: string })[]): unknown[] {
  return [
    events.map(({ botId }) => storableKey(botId)),
    events.map(({ lane }) => storableKey(lane)),
    events.map(({ dedupeKey }) => storableKey(dedupeKey)),
    events.map(({ eventId }) => storable(eventId)),
    events.map(({ type }) => storable(type)),
    events.map(({ payload }) => storable(payload)),
    events.map(({ createdAt }) => storableInstant(createdAt)),
  ]
}

/** From the indexes (from 1) whose fence held to one answer per entry. */
function flags(count: number, held: readonly { ord: number }[]): boolean[] {
  const ords = new Set(held.map(({ ord }) => ord))
  return Array.from({ length: count }, (_none, index) => ords.has(index + 1))
}

/** For drills only: the statement without its fences, to show that chaos notices. */
function drilled(statement: Statement): Statement {
  if (!isPlanted('no-fence')) return statement
  const text = statement.text
    .replace(' and l.owner = i.owner\n', '\n')
    .replace(' and e.state = t.state and e.owner = t.owner and e.attempt = t.attempt', '')
    .replace(' and o.state = t.state and o.attempt = t.attempt', '')
  if (text === statement.text) throw new Error(`${statement.name} has no fence to take away`)
  return { name: `${statement.name}_unfenced`, text }
}
