import { checkHistory } from '../../simulator/history/check-history.ts'
import type { HistoryEntry } from '../../simulator/history/history.ts'
import { deferred } from '../../core/time/deferred.ts'
import { narrateEntry, narrateRestarts, type Say } from './narrate.ts'
import type { Stage } from './open-stage.ts'

const MESSAGES = 200
const PER_SECOND = 20
/** Messages before the crash, and before the host is blocked. */
const CRASH_AFTER = 50
const BLOCK_AFTER = 100
const BLOCK_MS = 5_000
/** Unacknowledged events of the bot that the crash waits for. */
const UNACKED_BEFORE_CRASH = 3
const PATIENCE_MS = 40_000

export interface DemoVerdict {
  readonly isClean: boolean
  readonly figures: Readonly<Record<string, number>>
}

/**
 * Plays the fixed conversation of `demo --once`: 200 messages over all chats. One bot worker is killed while events are
 * unacknowledged. The host thread is blocked once while messages continue. All figures except `restarts` are computed
 * from the history of the simulator.
 */
export async function play(stage: Stage, say: Say): Promise<DemoVerdict> {
  const { simulator, supervisor, bots } = stage
  const { client } = simulator
  const watch = new HistoryFollower(stage, say)
  const unnarrate = narrateRestarts(supervisor, say)
  try {
    const chats = Array.from({ length: Math.max(...bots.map(({ chatIds }) => chatIds.length)) }, (_, index) =>
      bots.flatMap(({ appId, chatIds }) => (chatIds[index] === undefined ? [] : [{ appId, chatId: chatIds[index] }])),
    ).flat()
    say(`${MESSAGES} messages over ${chats.length} chats of ${bots.length} bots, ${PER_SECOND} a second`)
    await client.startTraffic({ chats, count: MESSAGES, perSecond: PER_SECOND, textPrefix: 'message' })

    const victim = bots[0]
    if (victim === undefined) throw new TypeError('the demo has no bots')
    await watch.until(({ sentCount }) => sentCount >= CRASH_AFTER)
    say(`the acknowledgements of ${victim.name} get lost from now on, and then its worker is killed`)
    await client.inject({ kind: 'withhold_acks', appId: victim.appId })
    const seen = watch.pushedCount(victim.appId)
    await watch.until(() => watch.pushedCount(victim.appId) >= seen + UNACKED_BEFORE_CRASH)
    await supervisor.killBot(victim.botId)

    await watch.until(({ sentCount }) => sentCount >= BLOCK_AFTER)
    say(`the host's thread is blocked for ${BLOCK_MS / 1000} s; the bots go on`)
    const blockedFrom = Date.now()
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCK_MS)
    const blockedUntil = Date.now()
    say('the host is back')

    const timeoutAt = Date.now() + PATIENCE_MS
    await client.waitForReplies({ count: MESSAGES, timeoutMs: PATIENCE_MS })
    await watch.until(({ ackedCount }) => ackedCount >= MESSAGES, Math.max(0, timeoutAt - Date.now()))

    const history = await client.history()
    const { sent, acked, replied, lost, duplicated, reordered, maxAckMs, p50Ms, p99Ms } = checkHistory(history)
    const ackedWhileHostBlocked = history.filter(
      (entry) => entry.kind === 'acked' && entry.code === 200 && entry.at > blockedFrom && entry.at < blockedUntil,
    ).length
    const status = await supervisor.status()
    const restarts = status.bots.reduce((sum, { child }) => sum + child.restartCount, 0)
    return {
      isClean: lost === 0 && duplicated === 0 && reordered === 0 && restarts >= 1 && ackedWhileHostBlocked > 0,
      figures: {
        bots: bots.length,
        sent,
        acked,
        replied,
        lost,
        duplicated,
        reordered,
        restarts,
        ackedWhileHostBlocked,
        maxAckMs: Math.round(maxAckMs),
        p50Ms: Math.round(p50Ms * 10) / 10,
        p99Ms: Math.round(p99Ms * 10) / 10,
      },
    }
  } finally {
    unnarrate()
    watch.close()
  }
}

interface Counts {
  readonly sentCount: number
  readonly ackedCount: number
}

/** Follows the history of the simulator, so that `play` can wait for its entries. */
class HistoryFollower {
  readonly #acked = new Set<string>()
  readonly #pushed = new Map<string, number>()
  readonly #unfollow: () => void
  #sentCount = 0
  #waiting: { readonly isMet: (counts: Counts) => boolean; readonly resolve: () => void }[] = []

  constructor(stage: Stage, say: Say) {
    this.#unfollow = stage.simulator.client.follow((entry) => {
      this.#count(entry)
      if (entry.kind !== 'sent' && entry.kind !== 'message_created') {
        const line = narrateEntry(entry, stage)
        if (line !== undefined) say(line)
      }
      this.#waiting = this.#waiting.filter(({ isMet, resolve }) => {
        const isOver = isMet(this.#counts)
        if (isOver) resolve()
        return !isOver
      })
    })
  }

  pushedCount(appId: string): number {
    return this.#pushed.get(appId) ?? 0
  }

  /** Resolves when the condition holds, at the latest after `timeoutMs`. The figures then show the missing messages. */
  async until(isMet: (counts: Counts) => boolean, timeoutMs: number = PATIENCE_MS): Promise<void> {
    if (isMet(this.#counts)) return
    const { promise, resolve } = deferred()
    this.#waiting.push({ isMet, resolve })
    const timer = setTimeout(resolve, timeoutMs)
    await promise
    clearTimeout(timer)
  }

  close(): void {
    this.#unfollow()
  }

  get #counts(): Counts {
    return { sentCount: this.#sentCount, ackedCount: this.#acked.size }
  }

  #count(entry: HistoryEntry): void {
    if (entry.kind === 'sent') this.#sentCount += 1
    if (entry.kind === 'pushed') this.#pushed.set(entry.appId, this.pushedCount(entry.appId) + 1)
    if (entry.kind === 'acked' && entry.code === 200) this.#acked.add(entry.messageId)
  }
}
