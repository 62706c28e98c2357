import type { Worker } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { hardLimits } from '../../core/lifecycle/memory-budget.ts'
import type { ChatBoot, ChatTask } from '../../protocol/chat.ts'
import { RunChannelServer, type TakeCall } from './run-channel-server.ts'

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
  #taskCount = 0
  /** Of one worker: Piscina makes another one without a word where a handler left behind what ends an idle one. */
  #channel: { readonly worker: Worker | undefined; readonly end: RunChannelServer } | undefined

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
    const [worker] = this.#piscina.threads
    const known = worker === undefined || this.#channel?.worker !== worker ? undefined : this.#channel.end
    const channel = known ?? this.#openChannel(worker)
    channel.begin(take)
    try {
      if (channel === known) return await this.#piscina.run(task)
      return await this.#piscina.run({ ...task, port: channel.other }, { transferList: [channel.other] })
    } finally {
      channel.end()
    }
  }

  #openChannel(worker: Worker | undefined): RunChannelServer {
    this.#channel?.end.close()
    const end = new RunChannelServer()
    this.#channel = { worker, end }
    return end
  }

  /** Ends the thread whatever it does; resolves once it is gone, which may be never if it sits in native code. */
  async end(): Promise<void> {
    this.#channel?.end.close()
    await this.#piscina.destroy()
  }
}
