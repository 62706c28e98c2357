import type { SendReply } from '../../src/messages/reply/deliver-replies.ts'
import type { SharedInbox } from './lifecycle-link.ts'
import type { MemoryStore } from './memory-store.ts'
import * as instance from './planted-instance-bugs.ts'
import * as store from './planted-store-bugs.ts'

/** What one instance of the real code is given. */
export interface Ports {
  readonly inbox: SharedInbox
  readonly send: SendReply
}

/** A bug on purpose, put around the real code. */
export interface Plant {
  /** Of the database, for all instances. */
  readonly store?: (store: MemoryStore) => SharedInbox
  /** Of one instance, newly made for each. */
  readonly instance?: (ports: Ports, store: MemoryStore, owner: string) => Ports
  /** Shows only when a uuid is forgotten. */
  readonly isLong?: true
  /** Acknowledges before the event is stored. */
  readonly isHasty?: true
  /** Does not notice that something was stored. */
  readonly isDeaf?: true
  /** Takes over the work of instances whose lease still runs. */
  readonly isImpatient?: true
  /** Rescues only owners that have a lease, so none whose claim came after its end. */
  readonly forgetsLateClaims?: true
  /** Counts an attempt of every event that a gone instance had. */
  readonly chargesDeaths?: true
  /** Counts a lapsed lease as a death for good, also of an instance that lives. */
  readonly countsLapsedLeases?: true
  /** Keeps what was claimed for it by a call that was never answered. */
  readonly keepsLostClaims?: true
}

export const PLANTED_BUGS: Readonly<Record<string, Plant>> = {
  'acknowledges before the commit': { isHasty: true },
  'is not woken by a commit': { isDeaf: true },
  'takes work from instances that live': { isImpatient: true },
  'forgets claims that arrive after the lease': { forgetsLateClaims: true },
  'keeps claims whose answer was lost': { keepsLostClaims: true },
  'charges a death to innocents': { chargesDeaths: true },
  'counts a lapsed lease as a death': { countsLapsedLeases: true },
  'does not dedupe': { store: store.withoutDedupe },
  'dedupes in memory only': { instance: instance.dedupesInMemory },
  'does not lock lanes': { store: store.withoutLanes },
  'finishes without a fence': { store: store.finishesUnfenced },
  'settles without a fence': { store: store.settlesUnfenced },
  'lets an uncounted repetition pass the fence': { store: store.fencesByAttempt },
  'counts the attempt after the run': { store: store.countsAfterRun },
  'retries at the end of the lane': { store: store.retriesLast },
  'keeps the lane of a dead letter': { store: store.keepsLaneOfDead },
  'hands out parts in reverse': { store: store.reversesParts },
  'runs again instead of sending the rest': { store: store.runsAgain },
  'sends without a uuid': { instance: instance.sendsWithoutUuid },
  'one uuid for all parts': { instance: instance.oneUuidForAllParts },
  'sends before the completion is committed': { instance: instance.sendsBeforeCommit },
  'settles before it sends': { instance: instance.settlesBeforeSend },
  'takes a lost answer for a failure': { instance: instance.resendsAfterLostAnswer },
  'trusts a uuid after its hour': { instance: instance.forgetsUnknownOutcomes, isLong: true },
  'completes what it should release': { instance: instance.completesReleased },
}
