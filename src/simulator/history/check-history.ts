import type { HistoryEntry } from './history.ts'

/** What a history says about the bot that was under test. */
export interface HistoryCheck {
  /** Messages that users sent. */
  readonly sent: number
  /** Of these: acknowledged with code 200 at least once, in time or late. */
  readonly acked: number
  /** Of these: with at least one visible reply. */
  readonly replied: number
  /** Of these: without a visible reply, unless taken back by the user. */
  readonly lost: number
  /** Visible replies beyond the first of their message. */
  readonly duplicated: number
  /**
   * Pairs of messages of one (app, chat), the first acknowledged before the second was first pushed, where the
   * first reply to the second became visible before the first reply to the first.
   */
  readonly reordered: number
  /** Pushes that were not acknowledged in time, whatever came later; callbacks too. */
  readonly lateAcks: number
  /** Largest latency of a push that was acknowledged with 200; 0 if there was none. */
  readonly maxAckMs: number
  /** From first push to first visible reply, nearest rank; 0 without any reply. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly lostIds: readonly string[]
  /** Messages with more than one visible reply. */
  readonly duplicatedIds: readonly string[]
  /** One witness for every message whose reply overtook another's. */
  readonly reorderedPairs: readonly { readonly first: string; readonly second: string }[]
}

/** What became of one sent message; instants as `seq`, which orders entries strictly. */
interface Fate {
  readonly messageId: string
  ackedSeq?: number
  pushed?: { readonly seq: number; readonly at: number }
  replied?: { readonly seq: number; readonly at: number }
  replyCount: number
  isRecalled: boolean
}

/** Pure; O(n log n). */
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

/** Nearest rank on sorted values. */
function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0
}

/**
 * Walks one chat's acknowledgements and first pushes in time. At each first push, the messages acknowledged by
 * then form a set counted by the rank of their replies (a Fenwick tree), so overtaken ones are found in O(log n).
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
