import type { Pulse } from '../../src/core/lifecycle/heartbeat.ts'
import type { Clock } from '../../src/core/time/clock.ts'
import { ChatPool } from '../../src/messages/pool/chat-pool.ts'
import type { PoolRules } from '../../src/messages/pool/chat-pool-options.ts'
import type { PoolThreadOptions, ThreadPort } from '../../src/messages/pool/pool-thread.ts'
import type { ChatOutcome, ChatTask, EventTask } from '../../src/protocol/chat.ts'

/**
 * What a handler does after `ms`. `dies`: ends its thread with its code on the stack; `dies_unseen`: with no code of
 * anybody on it; `blocks`: lets no other code run for `blockMs`, then answers; `never`: does not end; `leaves`: answers,
 * and ends its thread `blockMs` later; `throws_late`: answers, and throws later.
 */
export interface Plan {
  readonly kind: 'answers' | 'dies' | 'dies_unseen' | 'blocks' | 'never' | 'leaves' | 'throws_late'
  readonly ms: number
  readonly blockMs: number
}

export const LIMITS = { hangMs: 400, timeoutMs: 3_000, threads: 2, runsPerThread: 8 } as const

/** A story has at most 14 runs, each with one retry. */
const MOST_BEGUN = 1_000

const HANDLED = { outcome: { kind: 'handled', replies: [] }, memoryMb: 1 } as const

interface Begun {
  readonly plan: Plan
  readonly eventId: string
  readonly answer: (value: unknown) => void
}

/** What is wrong with a pool, as the threads see it. */
export class PoolWatch {
  readonly faults: string[] = []
  /** Events that were on the stack when their thread died or hung with others in it, or that ended one alone. */
  readonly suspects = new Set<string>()
  readonly plans = new Map<string, Plan>()
  begunCount = 0
}

/** A thread whose handlers do what their plans say. Time is the clock's. */
class FakeThread implements ThreadPort {
  readonly isReady = true
  readonly #options: PoolThreadOptions
  readonly #clock: Clock
  readonly #watch: PoolWatch
  readonly #runs = new Map<number, Begun>()
  readonly #cancels = new Set<() => void>()
  #begunCount = 0
  #isKeptAlone = false
  #isOver = false
  #onStack = 0
  #blockedUntil = 0
  #beats = 0
  #beatenAt = 0

  constructor(options: PoolThreadOptions, clock: Clock, watch: PoolWatch) {
    this.#options = options
    this.#clock = clock
    this.#watch = watch
  }

  get onStack(): number {
    return this.#onStack
  }

  look(): Pulse {
    const now = this.#clock.now()
    const isBlocked = now < this.#blockedUntil
    if (!isBlocked && now - this.#beatenAt >= 20) {
      this.#beats += 1
      this.#beatenAt = now
    }
    return { beats: this.#beats, memoryMb: 1, utilization: isBlocked ? 1 : 0 }
  }

  cpuMs(): undefined {
    return undefined
  }

  run(run: number, task: ChatTask): Promise<unknown> {
    const eventId = eventOf(task)
    const plan = this.#watch.plans.get(eventId)!
    const isSuspect = this.#watch.suspects.has(eventId)
    if (isSuspect && this.#begunCount > 0) this.#watch.faults.push(`suspect ${eventId} was put beside others`)
    if (this.#isKeptAlone) this.#watch.faults.push(`${eventId} was put beside a suspect`)
    this.#begunCount += 1
    this.#watch.begunCount += 1
    if (this.#watch.begunCount > MOST_BEGUN) {
      this.#watch.faults.push('runs begin again and again')
      return new Promise(() => {})
    }
    this.#isKeptAlone ||= isSuspect
    return new Promise((resolve) => {
      this.#runs.set(run, { plan, eventId, answer: resolve })
      this.#after(plan.ms, () => this.#act(run))
    })
  }

  endRun(run: number): void {
    this.#runs.delete(run)
  }

  drain(): void {}

  end(): Promise<void> {
    // It hung with others in it.
    const blocking = this.#runs.get(this.#onStack)
    if (!this.#isOver && this.#clock.now() < this.#blockedUntil && this.#runs.size > 1 && blocking !== undefined) {
      this.#watch.suspects.add(blocking.eventId)
    }
    this.#stop()
    return Promise.resolve()
  }

  /** Nothing happens while a handler blocks, and nothing after the end. */
  #after(ms: number, act: () => void): void {
    const cancel = this.#clock.after(ms, () => {
      this.#cancels.delete(cancel)
      const blockedMs = this.#blockedUntil - this.#clock.now()
      if (blockedMs > 0) this.#after(blockedMs, act)
      else if (!this.#isOver) act()
    })
    this.#cancels.add(cancel)
  }

  #act(run: number): void {
    const begun = this.#runs.get(run)
    if (begun === undefined) return
    const { plan, answer } = begun
    this.#onStack = run
    switch (plan.kind) {
      case 'answers':
        return answer(HANDLED)
      case 'never':
        return
      case 'dies':
        return this.#die(run)
      case 'dies_unseen':
        return this.#die(0)
      case 'blocks':
        this.#blockedUntil = this.#clock.now() + plan.blockMs
        return this.#after(plan.blockMs, () => answer(HANDLED))
      case 'leaves':
        answer(HANDLED)
        return this.#after(plan.blockMs, () => this.#die(run))
      default:
        answer(HANDLED)
        return this.#after(plan.blockMs, () => this.#options.onFault(run, { message: 'late', isLate: true }))
    }
  }

  #die(onStack: number): void {
    this.#onStack = onStack
    const guilty = this.#runs.get(onStack)
    if (guilty !== undefined) this.#watch.suspects.add(guilty.eventId)
    this.#stop()
    this.#options.onDeath(new Error('it died'))
  }

  #stop(): void {
    this.#isOver = true
    for (const cancel of this.#cancels) cancel()
  }
}

export function poolOf(clock: Clock, watch: PoolWatch, rules?: PoolRules): ChatPool {
  return new ChatPool({
    filename: '',
    threads: LIMITS.threads,
    runsPerThread: LIMITS.runsPerThread,
    handlerHangMs: LIMITS.hangMs,
    threadMemoryMb: 64,
    secrets: {},
    threadMaxTasks: 20,
    clock,
    onIdleDeath: () => {},
    onStuck: () => {},
    onFreed: () => {},
    makeThread: (options) => new FakeThread(options, clock, watch),
    ...(rules === undefined ? {} : { rules }),
  })
}

export function taskOf(botId: string, eventId: string): EventTask {
  return {
    kind: 'event',
    handler: { kind: 'module', path: '/h.mjs' },
    event: { kind: 'menu', botId, eventId } as EventTask['event'],
    canReply: true,
    attempt: 1,
    timeoutMs: LIMITS.timeoutMs,
  }
}

function eventOf(task: ChatTask): string {
  return task.kind === 'event' ? task.event.eventId : ''
}

/** What the pool may say of a run with this plan. */
export function isRight({ kind, blockMs }: Plan, outcome: ChatOutcome): boolean {
  const code = outcome.kind === 'failed' ? outcome.error.code : outcome.kind
  if (kind === 'dies' || kind === 'dies_unseen') return code === 'POOL_THREAD_DIED'
  if (kind === 'never') return code === 'HANDLER_TIMEOUT'
  if (kind === 'blocks') return code === (blockMs < LIMITS.timeoutMs ? 'handled' : 'HANDLER_TIMEOUT')
  return code === 'handled'
}
