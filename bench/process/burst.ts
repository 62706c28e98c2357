import type { FeishuSimulator } from '../../src/simulator/simulator.ts'
import { entryOf } from '../../src/simulator/history/history.ts'
import { AGAIN } from '../parties/deeds.ts'

/** One message to each chat, all at once. */
export interface Burst {
  /** The text of the messages, unlike that of any other load of the process. */
  readonly text: string
  readonly chats: readonly { readonly appId: string; readonly chatId: string }[]
  readonly patienceMs: number
}

export interface BurstResult {
  /** From the first message to the last reply, or to the end of patience. */
  readonly ms: number
  readonly missing: number
  /** Replies of a later attempt than the first. */
  readonly repeated: number
}

export async function runBurst(simulator: FeishuSimulator, { text, chats, patienceMs }: Burst): Promise<BurstResult> {
  const waiting = new Set<string>()
  let repeated = 0
  const isReply = entryOf('message_created')
  const unsubscribe = simulator.history.subscribe((entry) => {
    if (!isReply(entry) || entry.replyTo === undefined || !waiting.delete(entry.replyTo)) return
    if (entry.content.includes(AGAIN)) repeated += 1
  })
  const startedAt = performance.now()
  for (const chat of chats) waiting.add(simulator.sendText({ ...chat, text }).messageId)
  await simulator.history
    .until(
      () => waiting.size === 0,
      patienceMs,
      () => 'not all replies',
    )
    // What is missing is counted.
    .catch(() => {})
  unsubscribe()
  return { ms: performance.now() - startedAt, missing: waiting.size, repeated }
}
