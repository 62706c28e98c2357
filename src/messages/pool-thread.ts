import { Piscina } from 'piscina'
import { hardLimits } from '../core/memory-watch.ts'
import type { ChatBoot, ChatTask } from '../protocol/chat.ts'
import { LineEnd, type TakeCall } from './line-end.ts'

export interface PoolThreadOptions {
  /** The built file the thread runs. */
  readonly filename: string
  readonly memoryMb: number
  /** What handlers may ask for by name. */
  readonly secrets: Readonly<Record<string, string>>
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
  readonly #line = new LineEnd()
  #taskCount = 0
  #hasLine = false

  constructor({ filename, memoryMb, secrets, onIdleDeath }: PoolThreadOptions) {
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
      workerData: { memoryMb, secrets } satisfies ChatBoot,
      resourceLimits: hardLimits({ memoryMb }),
      recordTiming: false,
    })
    // Without a listener this event would end the process.
    this.#piscina.on('error', onIdleDeath)
  }

  get taskCount(): number {
    return this.#taskCount
  }

  /** Rejects when the thread dies or is ended. */
  async run(task: ChatTask, take: TakeCall): Promise<unknown> {
    this.#taskCount += 1
    if (task.kind === 'probe') return await this.#piscina.run(task)
    this.#line.begin(take)
    try {
      if (this.#hasLine) return await this.#piscina.run(task)
      this.#hasLine = true
      const { other: port } = this.#line
      return await this.#piscina.run({ ...task, port }, { transferList: [port] })
    } finally {
      this.#line.end()
    }
  }

  /** Ends the thread whatever it does; resolves once it is gone, which may be never if it sits in native code. */
  async end(): Promise<void> {
    this.#line.close()
    await this.#piscina.destroy()
  }
}
