import type { Clock } from '../../core/time/clock.ts'
import { LATE_MS } from './blame.ts'
import { type Burning, cooled, found, isBurning } from './burning.ts'
import type { HandlerThread } from './handler-thread.ts'

export interface ThreadWatchDeps {
  readonly threads: Iterable<HandlerThread>
  readonly hangMs: number
  readonly clock: Clock
  /** A run has blocked it for so long, or several have by turns for longer. */
  readonly onHang: (thread: HandlerThread) => void
  /** Looked at; it may have grown. */
  readonly onLook: (thread: HandlerThread) => void
}

/** How often threads with runs are looked at. */
const LOOK_MS = 25

const MOST_ELAPSED_MS = 500

/** Runs that keep the loop from turning one after the other come to an end; after so many times the limit they do not. */
const MOST_BY_TURNS = 6

/** A thread that has not started by then is given up; machines may be slow. */
const START_MS = 30_000

/** Looks at the threads while they have runs: which hang, and which bots burn their CPU. */
export class ThreadWatch {
  readonly #deps: ThreadWatchDeps
  #burning: Burning = new Map()
  #lookedAt = 0
  #cancel: (() => void) | undefined

  constructor(deps: ThreadWatchDeps) {
    this.#deps = deps
  }

  isBurning(botId: string): boolean {
    return isBurning(this.#burning, botId, this.#deps.clock.now())
  }

  /** Until no thread has runs. */
  start(): void {
    if (this.#cancel === undefined) this.#lookSoon()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** Before something is decided: the last look may be old. */
  lookNow(): void {
    if (this.#cancel === undefined) return
    this.stop()
    this.#look()
  }

  #lookSoon(): void {
    const { clock } = this.#deps
    this.#lookedAt = clock.now()
    this.#cancel = clock.after(LOOK_MS, () => {
      this.#cancel = undefined
      this.#look()
    })
  }

  #look(): void {
    const { threads, hangMs, clock, onHang, onLook } = this.#deps
    // When we are late ourselves, or the whole machine is, only a little of that counts against the threads.
    const now = clock.now()
    const elapsedMs = Math.min(now - this.#lookedAt, MOST_ELAPSED_MS)
    this.#burning = cooled(this.#burning, now)
    for (const thread of [...threads].filter(({ runCount }) => runCount > 0)) {
      thread.look(elapsedMs)
      if (thread.blockedByBotMs > LATE_MS && thread.isComputing) this.#sight(thread, now)
      onLook(thread)
      // Where a run is alone, its own limit says how long it may take.
      const mostMs = thread.thread.isReady ? hangMs : Math.max(hangMs, START_MS)
      const hangs = thread.blockedMs >= mostMs || thread.stillMs >= MOST_BY_TURNS * mostMs
      if (hangs && !thread.isAlone) onHang(thread)
    }
    if ([...threads].some(({ runCount }) => runCount > 0)) this.start()
  }

  #sight(thread: HandlerThread, now: number): void {
    const { onStack } = thread.thread
    const botId = thread.botOf(onStack)
    // Until the loop has turned once, what takes time is loading code for everybody.
    if (botId === undefined || thread.episode === 0) return
    // The number of a run tells apart threads whose loops have turned equally often.
    const episode = `${onStack} ${thread.episode}`
    this.#burning = found(this.#burning, { botId, episode, blockedMs: thread.blockedByBotMs }, now)
  }
}
