import type { FeishuSimulator } from '../../src/simulator/simulator.ts'
import { entryOf } from '../../src/simulator/history/history.ts'

/** Messages at a fixed rate, however slow the answers are. */
export interface OpenLoad {
  /** Begins every text; unlike that of any other load of the process. */
  readonly prefix: string
  readonly chats: readonly { readonly appId: string; readonly chatId: string }[]
  readonly perSecond: number
  /** Arrivals before this are not counted. */
  readonly warmupMs: number
  readonly durationMs: number
  /** Longest wait for what is missing when the last message was sent. */
  readonly patienceMs: number
}

/** Latencies in milliseconds from the instant a message was due, in order of arrival. */
export interface LoadResult {
  readonly ackMs: readonly number[]
  readonly replyMs: readonly number[]
  /** Counted arrivals without acknowledgement or reply when patience ended; not among the latencies. */
  readonly missing: number
  /** The latest that any message was sent after it was due: the harness's own delay, part of its latency. */
  readonly maxLateMs: number
}

/** What the history tells of the arrivals of one load. */
export async function runOpenLoad(simulator: FeishuSimulator, load: OpenLoad): Promise<LoadResult> {
  const { prefix, chats, perSecond, warmupMs, durationMs, patienceMs } = load
  const intervalMs = 1_000 / perSecond
  const count = Math.round((warmupMs + durationMs) / intervalMs)
  const firstCounted = Math.round(warmupMs / intervalMs)
  const numbers = new Map<string, number>()
  const sentAt: number[] = []
  const ackedAt = new Map<number, number>()
  const repliedAt = new Map<number, number>()
  const unsubscribe = simulator.history.subscribe((entry) => {
    if (entry.kind === 'sent' && entry.text.startsWith(`${prefix} `)) {
      const number = Number(entry.text.slice(prefix.length + 1))
      numbers.set(entry.messageId, number)
      sentAt[number] = entry.at
    } else if (entry.kind === 'acked' && entry.code === 200) {
      record(ackedAt, entry.messageId, entry.at)
    } else if (entry.kind === 'message_created' && entry.replyTo !== undefined) {
      record(repliedAt, entry.replyTo, entry.at)
    }
  })
  function record(instants: Map<number, number>, messageId: string, at: number): void {
    const number = numbers.get(messageId)
    if (number !== undefined && !instants.has(number)) instants.set(number, at)
  }
  try {
    await simulator.startTraffic({ chats, count, perSecond, textPrefix: prefix }).done
    await simulator.history
      .until(
        () => repliedAt.size === count && ackedAt.size === count,
        patienceMs,
        () => 'not all replies',
      )
      // What is missing is counted.
      .catch(() => {})
  } finally {
    unsubscribe()
  }
  // The first message is sent the moment it is due; the others are due by the clock.
  const dueAt = (number: number): number => (sentAt[0] ?? 0) + number * intervalMs
  const counted = Array.from({ length: count - firstCounted }, (_, index) => firstCounted + index)
  const latencies = (instants: Map<number, number>): number[] =>
    counted.flatMap((number) => {
      const at = instants.get(number)
      return at === undefined ? [] : [at - dueAt(number)]
    })
  return {
    ackMs: latencies(ackedAt),
    replyMs: latencies(repliedAt),
    missing: counted.filter((number) => !repliedAt.has(number) || !ackedAt.has(number)).length,
    maxLateMs: Math.max(0, ...sentAt.map((at, number) => at - dueAt(number))),
  }
}

export interface ClosedLoad {
  readonly prefix: string
  /** One message is in flight in each. */
  readonly chats: readonly { readonly appId: string; readonly chatId: string }[]
  readonly warmupMs: number
  readonly durationMs: number
}

/** Replies per second when every reply is at once followed by the next message of its chat. */
export async function runClosedLoad(simulator: FeishuSimulator, load: ClosedLoad): Promise<number> {
  const { prefix, chats, warmupMs, durationMs } = load
  const inFlight = new Map<string, ClosedLoad['chats'][number]>()
  let isOver = false
  let replies = 0
  const isReply = entryOf('message_created')
  const send = (chat: ClosedLoad['chats'][number]): void => {
    if (!isOver) inFlight.set(simulator.sendText({ ...chat, text: prefix }).messageId, chat)
  }
  const unsubscribe = simulator.history.subscribe((entry) => {
    if (!isReply(entry) || entry.replyTo === undefined) return
    const chat = inFlight.get(entry.replyTo)
    if (chat === undefined) return
    inFlight.delete(entry.replyTo)
    replies += 1
    // The reply's own HTTP answer goes out first.
    setImmediate(send, chat)
  })
  for (const chat of chats) send(chat)
  await pause(warmupMs)
  const startedAt = performance.now()
  replies = 0
  await pause(durationMs)
  const perSecond = (replies * 1_000) / (performance.now() - startedAt)
  isOver = true
  unsubscribe()
  return perSecond
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
