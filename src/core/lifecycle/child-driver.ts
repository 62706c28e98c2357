import { assertNever } from '../assert-never.ts'
import type { Clock } from '../time/clock.ts'
import { type Deferred, deferred } from '../time/deferred.ts'
import { newChild, stepChild } from './child-lifecycle.ts'
import type { Child, ChildEffect, ChildEvent, ChildPolicy } from './child-state.ts'
import { type ChildStatus, childStatus } from './child-status.ts'
import type { ObservedExit } from './exit-reason.ts'
import { type HangLimits, startWatchdog } from './watchdog.ts'
import type { Pulse } from './heartbeat.ts'

/** The part of a live thread that the driver needs. */
export interface DrivenThread {
  /** Ends the thread. The end is reported through `exited`, as every end. */
  terminate(): void
}

export interface ChildDriverDeps<Thread extends DrivenThread> {
  readonly policy: ChildPolicy & HangLimits
  readonly clock: Clock
  /** Returns a number in [0, 1). */
  readonly random: () => number
  /** Starts a thread. `exited` is called exactly once, and not before `spawn` returns. Throws if the system has no thread left. */
  spawn(incarnation: number, exited: (exit: ObservedExit) => void): Thread
  /** Called when the thread runs and the driver has it. */
  spawned(thread: Thread, incarnation: number): void
  /** Called when the thread has ended, was given up or could not be started. */
  gone(incarnation: number): void
  /** Called after every change of the state. */
  changed(): void
  /** Called when `spawn` threw, after the `exited` event was processed as for any other exit. Default: does nothing. */
  spawnFailed?(thrown: unknown): void
}

/** Drives one supervised thread: feeds events to the child table and performs its effects. */
export class ChildDriver<Thread extends DrivenThread> {
  readonly #deps: ChildDriverDeps<Thread>
  #child: Child
  #thread: Thread | undefined
  /** End of the last spawned thread. Settled once the thread has ended or was given up. */
  #ended: Deferred<void> | undefined
  #unschedule: () => void = () => {}
  #unwatch: () => void = () => {}
  #giveUp: () => void = () => {}

  constructor(deps: ChildDriverDeps<Thread>) {
    this.#deps = deps
    this.#child = newChild(deps.clock.now())
  }

  get child(): Child {
    return this.#child
  }

  /** The live thread. Undefined while there is none. */
  get thread(): Thread | undefined {
    return this.#thread
  }

  get status(): ChildStatus {
    const { policy, clock } = this.#deps
    return childStatus(this.#child, policy, clock.now())
  }

  step(event: ChildEvent): void {
    const { clock, random, policy, changed } = this.#deps
    const { child, effects } = stepChild(this.#child, event, clock.now(), random(), policy)
    if (child === this.#child) return
    this.#child = child
    for (const effect of effects) this.#perform(effect)
    changed()
  }

  /** Reports that the thread is ready. From now on it is ended if it hangs. */
  ready(pulse: () => Pick<Pulse, 'beats' | 'utilization'>): void {
    const { policy, clock } = this.#deps
    this.step({ kind: 'ready' })
    if (this.#thread === undefined) return
    this.#unwatch()
    this.#unwatch = startWatchdog(pulse, policy, clock, (stillMs) =>
      this.step({ kind: 'kill', reason: 'hung', hungSince: clock.now() - stillMs }),
    )
  }

  /** Ends the thread as a crash would. */
  kill(): void {
    this.step({ kind: 'kill', reason: 'killed' })
  }

  /**
   * Resolves once the present thread has ended or was given up, at the latest after `deadlineMs`: a thread in native
   * code ends only when that code returns.
   */
  async gone(deadlineMs: number): Promise<void> {
    if (this.#ended === undefined) return
    const late = deferred()
    const cancel = this.#deps.clock.after(deadlineMs, late.resolve)
    await Promise.race([this.#ended.promise, late.promise])
    cancel()
  }

  #perform(effect: ChildEffect): void {
    switch (effect.kind) {
      case 'spawn':
        this.#spawn(effect.incarnation)
        break
      case 'terminate':
        this.#thread?.terminate()
        break
      case 'give_up':
        this.#giveUp()
        break
      case 'schedule':
        this.#unschedule()
        this.#unschedule = this.#deps.clock.after(effect.at - this.#deps.clock.now(), () => this.step({ kind: 'due' }))
        break
      case 'unschedule':
        this.#unschedule()
        break
      default:
        assertNever(effect)
    }
  }

  #spawn(incarnation: number): void {
    const { spawn, spawned, gone, spawnFailed } = this.#deps
    const ended = deferred()
    this.#ended = ended
    let isGivenUp = false
    const leave = (): void => {
      this.#unwatch()
      this.#thread = undefined
      gone(incarnation)
    }
    this.#giveUp = () => {
      isGivenUp = true
      leave()
      ended.resolve()
    }
    const exited = (exit: ObservedExit): void => {
      if (isGivenUp) return this.step({ kind: 'released', incarnation })
      leave()
      this.step({ kind: 'exited', exit })
      ended.resolve()
    }
    let thread: Thread
    try {
      thread = spawn(incarnation, exited)
    } catch (value) {
      // Reported after the present step is done.
      queueMicrotask(() => {
        exited({ exitCode: 1, thrown: { value } })
        spawnFailed?.(value)
      })
      return
    }
    this.#thread = thread
    spawned(thread, incarnation)
  }
}
