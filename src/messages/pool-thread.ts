import { Piscina } from 'piscina'
import { asObject } from '../core/as-object.ts'
import { hardLimits } from '../core/memory-watch.ts'
import type { ChatTask, StreamFrame } from '../protocol/chat.ts'
import type { OnFrame } from './handle-event.ts'

export interface PoolThreadOptions {
  /** The built file the thread runs. */
  readonly filename: string
  readonly memoryMb: number
  /** It died without a task, e.g. by a timer a handler left behind. */
  readonly onIdleDeath: (thrown: unknown) => void
}

/**
 * One thread that runs handlers, one task at a time: the message that kills it is known with certainty.
 *
 * A Piscina of its own, because a pool of several cannot renew a worn thread, nor tell that one does not
 * end, and stops making threads for all tasks once one failed to start.
 */
export class PoolThread {
  readonly #piscina: Piscina
  #taskCount = 0
  #onFrame: OnFrame | undefined

  constructor({ filename, memoryMb, onIdleDeath }: PoolThreadOptions) {
    this.#piscina = new Piscina({
      filename,
      minThreads: 1,
      maxThreads: 1,
      // Otherwise an idle thread sleeps in Atomics.wait: its timers and sockets stand still.
      atomics: 'disabled',
      // The host's environment holds secrets, its flags may not fit a thread.
      env: {},
      argv: [],
      execArgv: [],
      workerData: { memoryMb },
      resourceLimits: hardLimits({ memoryMb }),
      recordTiming: false,
    })
    this.#piscina.on('message', (notice: unknown) => this.#onNotice(notice))
    // Without a listener this event would end the process.
    this.#piscina.on('error', onIdleDeath)
  }

  get taskCount(): number {
    return this.#taskCount
  }

  /** Rejects when the thread dies or is ended. */
  async run(task: ChatTask, onFrame?: OnFrame): Promise<unknown> {
    this.#taskCount += 1
    this.#onFrame = onFrame
    return await this.#piscina.run({ ...task, runId: this.#taskCount })
  }

  /** Code of the user runs in the thread too and may post anything; what a run before still posts is not of this one. */
  #onNotice(notice: unknown): void {
    const { kind, runId, frame } = asObject(notice)
    const { stream, text } = asObject(frame)
    if (kind !== 'stream' || runId !== this.#taskCount) return
    if (typeof stream === 'number' && typeof text === 'string') this.#onFrame?.(frame as StreamFrame)
  }

  /** Ends the thread whatever it does; resolves once it is gone, which may be never if it sits in native code. */
  async end(): Promise<void> {
    await this.#piscina.destroy()
  }
}
