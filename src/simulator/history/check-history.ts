import type { HistoryEntry } from './history.ts'

/** Summary of a history about the tested bot. */
export interface HistoryCheck {
  /** Number of messages that users sent. */
  readonly sent: number
  /** Number of these that were acknowledged with code 200 at least once, in time or late. */
  readonly acked: number
  /** Number of these with at least one visible reply. */
  readonly replied: number
  /** Number of these without a visible reply, recalled messages excluded. */
  readonly lost: number
  /** Number of visible replies beyond the first of their message. */
  readonly duplicated: number
  /**
   * Number of pairs of messages of one (app, chat) whose replies are in the wrong order: the first message was
   * acknowledged before the second was first pushed, but the second got its first visible reply before the first.
   */
  readonly reordered: number
  /** Number of pushes not acknowledged in time, later acknowledgements or not. Callbacks are included. */
  readonly lateAcks: number
  /** Largest latency of a push acknowledged with 200, milliseconds. 0 if there was none. */
  readonly maxAckMs: number
  /** Time from first push to first visible reply, milliseconds, nearest rank. 0 without a reply. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly lostIds: readonly string[]
  /** Messages with more than one visible reply. */
  readonly duplicatedIds: readonly string[]
  /** One example for every message whose reply overtook another reply. */
  readonly reorderedPairs: readonly { readonly first: string; readonly second: string }[]
}

/** Progress of one sent message. Instants are values of `seq`, which orders entries strictly. */
interface Fate {
  readonly messageId: string
  ackedSeq?: number
  pushed?: { readonly seq: number; readonly at: number }
  replied?: { readonly seq: number; readonly at: number }
  replyCount: number
  isRecalled: boolean
}

/** Judges a history. Pure. O(n log n). */
export function checkHistory(history: readonly HistoryEntry[]): HistoryCheck {
  const fates = new Map<string, Fate>()
  const chats = new Map<string, Fate[]>()
  let lateAcks = 0
  let maxAckMs = 0
  for (const entry of history) {
    if (entry.kind === 'sent') {
      const fate: Fate = { messageId: entry.messageId, replyCount: 0, isRecalled: false }
      fates.set(entry.messageId, fate)
      const chat = JSON.stringify([entry.appId, entry.chatId])
      const members = chats.get(chat)
      if (members === undefined) chats.set(chat, [fate])
      else members.push(fate)
    } else if (entry.kind === 'pushed') {
      const fate = fates.get(entry.messageId)
      if (fate !== undefined) fate.pushed ??= entry
    } else if (entry.kind === 'acked' && entry.code === 200) {
      maxAckMs = Math.max(maxAckMs, entry.latencyMs)
      const fate = fates.get(entry.messageId)
      if (fate !== undefined) fate.ackedSeq ??= entry.seq
    } else if (entry.kind === 'ack_timeout') {
      lateAcks += 1
    } else if (entry.kind === 'recalled') {
      const fate = fates.get(entry.messageId)
      if (fate !== undefined) fate.isRecalled = true
    } else if (entry.kind === 'message_created' && entry.replyTo !== undefined) {
      const fate = fates.get(entry.replyTo)
      if (fate === undefined) continue
      fate.replied ??= entry
      fate.replyCount += 1
    }
  }

  const all = [...fates.values()]
  const lostIds = all.filter((fate) => fate.replyCount === 0 && !fate.isRecalled).map((fate) => fate.messageId)
  const order = [...chats.values()].map(findReordered)
  const latencies = all
    .flatMap(({ pushed, replied }) => (pushed && replied ? [replied.at - pushed.at] : []))
    .sort((a, b) => a - b)
  return {
    sent: all.length,
    acked: all.filter((fate) => fate.ackedSeq !== undefined).length,
    replied: all.filter((fate) => fate.replyCount > 0).length,
    lost: lostIds.length,
    duplicated: all.reduce((sum, fate) => sum + Math.max(0, fate.replyCount - 1), 0),
    reordered: order.reduce((sum, { pairCount }) => sum + pairCount, 0),
    lateAcks,
    maxAckMs,
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    lostIds,
    duplicatedIds: all.filter((fate) => fate.replyCount > 1).map((fate) => fate.messageId),
    reorderedPairs: order.flatMap(({ witnesses }) => witnesses),
  }
}

/** Percentile by nearest rank on sorted values. */
function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0
}

/**
 * Walks through one chat's acknowledgements and first pushes in order of time. A Fenwick tree counts the messages that
 * are acknowledged at each first push, by the rank of their replies. So overtaken messages are found in O(log n).
 */
function findReordered(chat: readonly Fate[]): {
  pairCount: number
  witnesses: { first: string; second: string }[]
} {
  const replied = chat
    .flatMap((fate) => (fate.replied ? [{ ...fate, repliedSeq: fate.replied.seq }] : []))
    .sort((a, b) => a.repliedSeq - b.repliedSeq)
  const steps = replied
    .flatMap(({ messageId, ackedSeq, pushed }, index) => [
      ...(ackedSeq === undefined ? [] : [{ seq: ackedSeq, isAck: true, messageId, rank: index + 1 }]),
      ...(pushed === undefined ? [] : [{ seq: pushed.seq, isAck: false, messageId, rank: index + 1 }]),
    ])
    .sort((a, b) => a.seq - b.seq)

  const tree = Array.from({ length: replied.length + 1 }, () => 0)
  const witnesses: { first: string; second: string }[] = []
  let ackedCount = 0
  let pairCount = 0
  let latest = { rank: 0, messageId: '' }
  for (const { isAck, messageId, rank } of steps) {
    if (isAck) {
      ackedCount += 1
      if (rank > latest.rank) latest = { rank, messageId }
      for (let at = rank; at < tree.length; at += at & -at) tree[at] = (tree[at] ?? 0) + 1
      continue
    }
    let repliedBefore = 0
    for (let at = rank; at > 0; at -= at & -at) repliedBefore += tree[at] ?? 0
    pairCount += ackedCount - repliedBefore
    if (latest.rank > rank) witnesses.push({ first: latest.messageId, second: messageId })
  }
  return { pairCount, witnesses }
}
