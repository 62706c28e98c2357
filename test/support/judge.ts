import { checkHistory } from '../../src/simulator/history/check-history.ts'
import type { HistoryEntry } from '../../src/simulator/history/history.ts'
import type { DeadLetter } from '../../src/protocol/model/message.ts'

export interface Judgement {
  readonly accepted: number
  readonly replied: number
  readonly noReply: number
  readonly deadLettered: number
  readonly lost: number
  readonly duplicated: number
  readonly reordered: number
  /** Sentences about what must not be, empty when all is well. */
  readonly complaints: readonly string[]
}

/** The messages that the platform will push again: neither acknowledged nor given up. */
export function openMessages(history: readonly HistoryEntry[]): Set<string> {
  const open = new Set<string>()
  for (const entry of history) {
    if (entry.kind === 'sent') open.add(entry.messageId)
    if (entry.kind === 'given_up' || (entry.kind === 'acked' && entry.code === 200)) open.delete(entry.messageId)
  }
  return open
}

/**
 * Pure: what the platform saw and what the database holds as dead letters decide, not what the system
 * says of itself. The text of a message tells what had to come of it; see test/drill/handler.mjs.
 */
export function judge(history: readonly HistoryEntry[], deadLetters: readonly DeadLetter[]): Judgement {
  const texts = new Map<string, string>()
  const accepted = new Set<string>()
  const visible = new Map<string, number>()
  for (const entry of history) {
    if (entry.kind === 'sent') texts.set(entry.messageId, entry.text)
    if (entry.kind === 'acked' && entry.code === 200) accepted.add(entry.messageId)
    if (entry.kind === 'message_created' && entry.replyTo !== undefined) {
      visible.set(entry.replyTo, (visible.get(entry.replyTo) ?? 0) + 1)
    }
  }
  const dead = new Set(deadLetters.map(({ dedupeKey }) => dedupeKey.replace(/^m:/, '')))
  const complaints: string[] = []
  let replied = 0
  let noReply = 0
  let deadLettered = 0
  let duplicated = 0
  let lost = 0
  for (const messageId of accepted) {
    const text = texts.get(messageId) ?? ''
    const seen = visible.get(messageId) ?? 0
    const wanted = wantedReplies(text, seen)
    if (dead.has(messageId)) {
      deadLettered += 1
      if (!text.includes('poison')) complaints.push(`"${text}" is a dead letter but was not planted as one`)
    } else if (text.includes('poison')) {
      lost += 1
      complaints.push(`"${text}" is neither answered nor a dead letter`)
    } else if (wanted === 0) noReply += 1
    else if (seen > 0) replied += 1
    if (seen > wanted) duplicated += seen - wanted
    if (seen < wanted && !dead.has(messageId)) {
      lost += 1
      complaints.push(`"${text}" has ${seen} of ${wanted} replies`)
    }
  }
  const { reordered, reorderedPairs } = checkHistory(history)
  for (const { first, second } of reorderedPairs.slice(0, 10)) {
    complaints.push(`"${texts.get(second)}" was answered before "${texts.get(first)}"`)
  }
  return { accepted: accepted.size, replied, noReply, deadLettered, lost, duplicated, reordered, complaints }
}

function wantedReplies(text: string, seen: number): number {
  if (text.includes('silent')) return 0
  if (text.includes('double')) return 2
  // The process that was asked says nothing, another one answers; either may be the one that counts.
  return text.includes('undecided') ? Math.min(seen, 1) : 1
}
