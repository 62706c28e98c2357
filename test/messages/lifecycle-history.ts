import type { EventRow } from './memory-store.ts'

/** How one run of a handler goes; the last plan of a message holds for all later runs. */
export interface RunPlan {
  readonly kind: 'reply' | 'throw' | 'hang' | 'kill-thread' | 'kill-process'
  /** Parts of a reply; none is the decision not to reply. */
  readonly parts: number
  readonly ms: number
}

export interface Message {
  readonly id: string
  readonly botId: string
  readonly chat: string
  readonly runs: readonly RunPlan[]
  /** Feishu will never take this part. */
  readonly refusedPart: number | undefined
}

/** Everything that could be seen from outside, in the order it happened; nothing is ever taken back. */
export type Fact =
  | { readonly kind: 'pushed'; readonly id: string }
  | { readonly kind: 'acknowledged'; readonly id: string; readonly isStored: boolean }
  | { readonly kind: 'run'; readonly id: string; readonly plan: RunPlan['kind'] }
  /** A run that a stop cut short. */
  | { readonly kind: 'cut'; readonly id: string }
  | { readonly kind: 'handled'; readonly id: string; readonly contents: readonly string[] }
  /** A run that ended, and failed. */
  | { readonly kind: 'failed'; readonly id: string }
  /** A claim was taken from an instance that was gone, or seemed to be. It counts no attempt. */
  | { readonly kind: 'rescued'; readonly id: string; readonly owner: string }
  /** An instance ended, or was stopped. */
  | { readonly kind: 'ended'; readonly owner: string }
  | { readonly kind: 'shown'; readonly id: string; readonly content: string }
  /** An instance ended, or its lease did: whatever it had claimed is another's now. */
  | { readonly kind: 'revoked'; readonly owner: string }
  | { readonly kind: 'violation'; readonly what: string }

export const MAX_ATTEMPTS = 4

export interface Evidence {
  readonly history: readonly Fact[]
  readonly rows: readonly EventRow[]
  readonly messages: readonly Message[]
  /** From the first to the last fact. */
  readonly tookMs: number
}

const UNKNOWN = 'outcome_unknown'
/** A reply younger than this can always be sent again without being shown twice. */
const UUID_TRUSTED_MS = 55 * 60_000

/** What went against the promises, judged from the history and the rows of the store alone. */
export function judge(evidence: Evidence): string[] {
  const { history, messages } = evidence
  const online = history.flatMap((fact) => (fact.kind === 'violation' ? [fact.what] : []))
  const early = history.flatMap((fact) =>
    fact.kind === 'acknowledged' && !fact.isStored ? [`${fact.id} was acknowledged before it was stored`] : [],
  )
  const single = messages.flatMap((message) => judgeMessage(message, evidence))
  return [...online, ...early, ...single, ...judgeOrder(evidence)]
}

/** The first violation that can be seen while it happens; there is no need to go on. */
export function hasViolation(history: readonly Fact[]): boolean {
  return history.some((fact) => fact.kind === 'violation')
}

function judgeMessage(message: Message, { history, rows, tookMs }: Evidence): string[] {
  const { id } = message
  const facts = history.filter((fact) => 'id' in fact && fact.id === id)
  const shown = facts.flatMap((fact) => (fact.kind === 'shown' ? [fact.content] : []))
  const own = rows.filter(({ event }) => event.eventId === `e-${id}`)
  const [row] = own
  if (row === undefined) {
    const isPromised = facts.some(({ kind }) => kind === 'acknowledged') || shown.length > 0
    return isPromised ? [`${id} was acknowledged or answered, and is not stored`] : []
  }
  if (own.length > 1) return [`${id} is stored ${own.length} times`]
  const count = (...kinds: Fact['kind'][]): number => facts.filter(({ kind }) => kinds.includes(kind)).length
  // What a rescue gave back uncounted runs once more.
  const runs = count('run') - count('cut', 'rescued')
  if (runs > MAX_ATTEMPTS) return [`${id} ran ${runs} times, ${MAX_ATTEMPTS} are allowed`]
  const ended = new Set(history.flatMap((fact) => (fact.kind === 'ended' ? [fact.owner] : [])))
  const rescues = facts.flatMap((fact) => (fact.kind === 'rescued' ? [fact.owner] : []))
  // An instance that comes back takes back its own count, if no other came after it.
  const deaths = rescues.filter((owner, index) => ended.has(owner) || index < rescues.length - 1).length
  if (row.deaths > deaths) return [`${id} counts ${row.deaths} deaths, and ${deaths} can have been`]
  if (row.state === 'completed') {
    return judgeReplies(message, facts, row, shown, tookMs > UUID_TRUSTED_MS)
  }
  if (row.state !== 'dead') return [`${id} is still ${row.state}`]
  if (shown.length > 0) return [`${id} is a dead letter and has a visible reply`]
  // Only an outcome counts an attempt, never the end of an instance.
  return count('failed') >= MAX_ATTEMPTS ? [] : [`${id} is a dead letter without ${MAX_ATTEMPTS} failed runs`]
}

function judgeReplies(
  { id, refusedPart }: Message,
  facts: readonly Fact[],
  row: EventRow,
  shown: readonly string[],
  isLong: boolean,
): string[] {
  const contents = row.replies.map(({ content }) => content)
  const decided = facts.some((fact) => fact.kind === 'handled' && isSame(fact.contents, contents))
  if (!decided) return [`${id} is completed with ${contents.length} replies, which no run decided`]
  const open = row.replies.filter(({ state }) => state === 'pending')
  if (open.length > 0) return [`${id} has ${open.length} replies that are neither sent nor dead`]
  const unknown = row.replies.filter(({ part, reason }) => reason === UNKNOWN && part !== refusedPart)
  if (unknown.length > 0 && !isLong) return unknown.map(({ part }) => `part ${part} of ${id} is ${UNKNOWN}`)
  const wrong = row.replies.filter(
    (reply) => !unknown.includes(reply) && (reply.state === 'dead') !== (reply.part === refusedPart),
  )
  if (wrong.length > 0) return wrong.map(({ part, state }) => `part ${part} of ${id} is ${state}`)
  const sent = row.replies.filter(({ state }) => state === 'sent').map(({ content }) => content)
  // Not known means shown or not, perhaps later than its successors, but never twice.
  const mayBeShown = new Set(unknown.map(({ content }) => content))
  const certain = shown.filter((content) => !mayBeShown.delete(content))
  return isSame(certain, sent) ? [] : [`${id} shows ${shown.join(' ') || 'nothing'} instead of ${sent.join(' ')}`]
}

/** Two events, the first acknowledged before the second was first pushed: the first is answered first. */
function judgeOrder({ history, rows, messages }: Evidence): string[] {
  const isUnknown = (id: string): boolean =>
    rows.some((row) => row.event.eventId === `e-${id}` && row.replies.some(({ reason }) => reason === UNKNOWN))
  const known = messages.filter(({ id }) => !isUnknown(id))
  const seen = known.map(({ id, botId, chat }) => ({
    id,
    chat: `${botId}/${chat}`,
    pushed: history.findIndex((fact) => fact.kind === 'pushed' && fact.id === id),
    acknowledged: history.findIndex((fact) => fact.kind === 'acknowledged' && fact.id === id),
    firstShown: history.findIndex((fact) => fact.kind === 'shown' && fact.id === id),
    lastShown: history.findLastIndex((fact) => fact.kind === 'shown' && fact.id === id),
  }))
  return seen.flatMap((first) =>
    seen.flatMap((second) => {
      const isBefore = first.chat === second.chat && first.acknowledged >= 0 && first.acknowledged < second.pushed
      const areShown = first.firstShown >= 0 && second.firstShown >= 0
      return isBefore && areShown && first.lastShown > second.firstShown
        ? [`${second.id} was answered before ${first.id}`]
        : []
    }),
  )
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index])
}
