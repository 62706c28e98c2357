import { randomUUID } from 'node:crypto'
import { isPlanted } from '../../core/crash-point.ts'
import { systemClock } from '../../core/time/clock.ts'
import { storeArrivals } from './arrivals.ts'
import { CLAIM, CLAIM_EVENT, SUMMARY } from './claim-statements.ts'
import { type ClaimedRow, type EventRow, toClaimedEvent, toClaimResult } from './claimed-rows.ts'
import type { DeadLetter, DeadLetterId, DeadLetterPage } from '../../protocol/model/message.ts'
import type { Queries, Statement } from '../database/database.ts'
import {
  DEAD_LETTERS,
  type DeadLetterRow,
  RESUBMIT_EVENT,
  RESUBMIT_REPLY,
  toDeadLetter,
} from '../log/dead-letter-statements.ts'
import { FINISH, FINISHED, SETTLE, SETTLED } from './finish-statements.ts'
import { UNCLAIM } from './instances.ts'
import { LostClaims, UnknownOutcomes } from './lost-answers.ts'
import { PRUNE } from './prune-statement.ts'
import { ago, storable, storableError } from '../database/storable.ts'
import type {
  Accepted,
  ArrivalOrder,
  ClaimedEvent,
  ClaimOrder,
  ClaimResult,
  FinishedEvent,
  InboxStore,
  NewEvent,
  SettledReply,
} from '../store.ts'

/** Default of `perBot`: the largest int4. */
const MOST_LANES = 2 ** 31 - 1

/** The durable inbox and outbox. The rules of their statements are in claim-statements.ts. */
export class Inbox implements InboxStore {
  readonly #database: Queries
  readonly #lostClaims = new LostClaims(systemClock)
  readonly #unknown = new UnknownOutcomes()

  constructor(database: Queries) {
    this.#database = database
  }

  async accept(events: readonly NewEvent[], claim?: ArrivalOrder): Promise<Accepted[]> {
    const token = randomUUID()
    try {
      return await storeArrivals(this.#database, events, claim, token)
    } catch (thrown) {
      if (claim !== undefined) this.#lostClaims.add(token)
      throw thrown
    }
  }

  async claim({ owner, limit, perBot = MOST_LANES, perBotLimits = {} }: ClaimOrder): Promise<ClaimResult> {
    const lost = this.#lostClaims.tokens()
    if (lost.length > 0) await this.#database.query(UNCLAIM, [lost], 'giving back work of a lost claim')
    const token = randomUUID()
    const values = [owner, limit, Object.keys(perBotLimits), Object.values(perBotLimits), perBot, token]
    try {
      const rows = await this.#database.query<ClaimedRow>(CLAIM, values, 'claiming work')
      return toClaimResult(rows, owner)
    } catch (thrown) {
      this.#lostClaims.add(token)
      throw thrown
    }
  }

  async claimEvent({ owner, eventId }: Parameters<InboxStore['claimEvent']>[0]): Promise<ClaimedEvent | null> {
    const token = randomUUID()
    try {
      const [row] = await this.#database.query<EventRow>(CLAIM_EVENT, [owner, eventId, token], 'claiming an event')
      return row === undefined ? null : toClaimedEvent(row, owner)
    } catch (thrown) {
      this.#lostClaims.add(token)
      throw thrown
    }
  }

  async finish(finished: readonly FinishedEvent[]): Promise<boolean[]> {
    if (finished.length === 0) return []
    const keys = finished.map(({ id, fence, result }) => `e:${id}:${fence.owner}:${fence.epoch}:${result.kind}`)
    const replies = finished.flatMap(({ result }, index) =>
      result.kind === 'completed' ? result.replies.map((reply, part) => ({ ...reply, part, ord: index + 1 })) : [],
    )
    const results = finished.map(({ result }) => result)
    const replyCounts = results.map((result) => (result.kind === 'completed' ? result.replies.length : 0))
    const identity = [
      finished.map(({ id }) => id),
      finished.map(({ fence }) => fence.owner),
      finished.map(({ fence }) => fence.epoch),
      results.map(({ kind }) => kind),
    ]
    const values = [
      ...identity,
      results.map((result) => ('afterMs' in result ? (result.afterMs ?? 0) : 0)),
      results.map((result) => ('reason' in result && result.reason !== undefined ? storable(result.reason) : null)),
      results.map((result) => ('error' in result ? storableError(result.error) : null)),
      replyCounts,
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
    return this.#write(drilled(FINISH), values, FINISHED, [...identity, replyCounts], keys, 'finishing events')
  }

  async settle(settled: readonly SettledReply[]): Promise<boolean[]> {
    if (settled.length === 0) return []
    const keys = settled.map(
      ({ eventId, part, fence, result }) => `r:${eventId}:${part}:${fence.owner}:${fence.epoch}:${result.kind}`,
    )
    const results = settled.map(({ result }) => result)
    const identity = [
      settled.map(({ eventId }) => eventId),
      settled.map(({ part }) => part),
      settled.map(({ fence }) => fence.epoch),
      results.map(({ kind }) => kind),
    ]
    const values = [
      ...identity,
      settled.map(({ fence }) => fence.owner),
      results.map((result) => (result.kind === 'sent' ? storable(result.messageId) : null)),
      results.map((result) => (result.kind === 'retry' ? result.afterMs : null)),
      results.map((result) => (result.kind === 'dead' ? storable(result.reason) : null)),
      results.map((result) => ('error' in result ? storableError(result.error) : null)),
      results.map((result) => (result.kind === 'dead' && result.logId !== undefined ? storable(result.logId) : null)),
      results.map((result) => result.kind === 'retry' && result.isRefused),
    ]
    return this.#write(drilled(SETTLE), values, SETTLED, identity, keys, 'settling replies')
  }

  /**
   * Writes results and returns whether each fence held. An earlier call may have been carried out although its answer
   * got lost. For such a result, `done` checks whether it is stored; if so, it counts as a success.
   */
  #write(
    statement: Statement,
    values: readonly unknown[],
    done: Statement,
    doneValues: readonly (readonly unknown[])[],
    keys: readonly string[],
    doing: string,
  ): Promise<boolean[]> {
    return this.#unknown.watch(keys, async () => {
      const held = indexes(await this.#database.query<OrdRow>(statement, values, doing))
      const unsure = keys.flatMap((key, index) => (!held.has(index) && this.#unknown.has(key) ? [index] : []))
      if (unsure.length > 0) {
        const unsureValues = doneValues.map((column) => unsure.map((index) => column[index]))
        const found = indexes(await this.#database.query<OrdRow>(done, unsureValues, doing))
        for (const [nth, index] of unsure.entries()) if (found.has(nth)) held.add(index)
      }
      return keys.map((_key, index) => held.has(index))
    })
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

/** Row with the index of an item. The database counts from 1. */
interface OrdRow {
  ord: number
}

function indexes(rows: readonly OrdRow[]): Set<number> {
  return new Set(rows.map(({ ord }) => ord - 1))
}

/** For drills only: removes the fences from a statement, to show that the chaos run detects it. */
function drilled(statement: Statement): Statement {
  if (!isPlanted('no-fence')) return statement
  const text = statement.text
    .replace(' and l.owner = i.owner and l.epoch = i.epoch\n', '\n')
    .replace(' and e.state = t.state\n', '\n')
    .replace(' and o.state = t.state and o.epoch = t.epoch', '')
  if (text === statement.text) throw new Error(`${statement.name} has no fence to take away`)
  return { name: `${statement.name}_unfenced`, text }
}
