import { readFileSync } from 'node:fs'
import { Piscina } from 'piscina'
import { type Heartbeat, newHeartbeat, type Pulse, pulseOf } from '../../core/lifecycle/heartbeat.ts'
import { hardLimits } from '../../core/lifecycle/memory-budget.ts'
import { type ChatBoot, type ChatTask, type PoolTask, ThreadMarks } from '../../protocol/chat.ts'
import type { RunFault } from '../../protocol/run-channel.ts'
import { RunChannelServer, type TakeCall } from './run-channel-server.ts'

export interface PoolThreadOptions {
  /** The built file the thread runs. */
  readonly filename: string
  readonly memoryMb: number
  /** What handlers may ask for by name. */
  readonly secrets: Readonly<Record<string, string>>
  /** Most runs in it at a time. */
  readonly mostRuns: number
  /** It gives way to other threads of the machine. Default false. */
  readonly isBurner?: boolean
  /** It ended without being told to. Called once, and not after `end`. */
  readonly onDeath: (thrown: unknown) => void
  /** A run, or nobody who is known (0), did something outside its promise. */
  readonly onFault: (run: number, fault: RunFault) => void
}

/** What the pool needs of a thread. */
export interface ThreadPort {
  readonly onStack: number
  readonly isReady: boolean
  look(): Pulse
  /** Time it has had a processor, in milliseconds. Undefined where the system does not tell. */
  cpuMs(): number | undefined
  run(run: number, task: ChatTask, take: TakeCall): Promise<unknown>
  endRun(run: number): void
  drain(): void
  end(): Promise<void>
}

/** How often a thread that has runs shows that its loop turns. */
export const BEAT_MS = 20

/**
 * One thread that runs handlers, many runs at a time, for one life: who died is not started again.
 *
 * A Piscina of its own, because a pool of several cannot renew a worn thread, nor tell that one does not
 * end, and stops making threads for all tasks once one failed to start.
 */
export class PoolThread implements ThreadPort {
  readonly #piscina: Piscina
  readonly #heartbeat: Heartbeat = newHeartbeat(BEAT_MS)
  readonly #marks = new Int32Array(new SharedArrayBuffer(ThreadMarks.size * Int32Array.BYTES_PER_ELEMENT))
  readonly #channel: RunChannelServer
  readonly #look: () => Pulse
  readonly #onDeath: (thrown: unknown) => void
  #isOpen = false
  #isOver = false

  constructor({ filename, memoryMb, secrets, mostRuns, isBurner = false, onDeath, onFault }: PoolThreadOptions) {
    const { buffer: marks } = this.#marks
    this.#onDeath = onDeath
    this.#channel = new RunChannelServer(onFault)
    this.#piscina = new Piscina({
      filename,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: mostRuns,
      // Otherwise an idle thread sleeps in Atomics.wait: its timers and sockets stand still.
      atomics: 'disabled',
      // The host's environment holds secrets, its flags may not fit a thread.
      env: {},
      argv: [],
      execArgv: [],
      workerData: { memoryMb, secrets, heartbeat: this.#heartbeat, marks, isBurner } satisfies ChatBoot,
      resourceLimits: hardLimits({ memoryMb }),
      recordTiming: false,
    })
    // Without a listener this event would end the process.
    this.#piscina.on('error', (thrown) => this.#died(thrown))
    const [worker] = this.#piscina.threads
    if (worker === undefined) throw new TypeError('a Piscina begins with its thread')
    worker.once('exit', (exitCode) => this.#died(new Error(`worker exited with code: ${exitCode}`)))
    this.#look = pulseOf(worker, this.#heartbeat)
  }

  /** The number of the run whose code was last on the stack; 0: of none. */
  get onStack(): number {
    return Atomics.load(this.#marks, ThreadMarks.onStack)
  }

  /** Its script has run. */
  get isReady(): boolean {
    return Atomics.load(this.#marks, ThreadMarks.isReady) === 1
  }

  /** Its loop since the last call. */
  look(): Pulse {
    return this.#look()
  }

  cpuMs(): number | undefined {
    const threadId = Atomics.load(this.#marks, ThreadMarks.threadId)
    if (threadId === 0) return undefined
    try {
      const [onCpuNs] = readFileSync(`/proc/self/task/${threadId}/schedstat`, 'latin1').split(' ')
      return Number(onCpuNs) / 1e6
    } catch {
      // The thread is gone, or the kernel counts nothing.
      return undefined
    }
  }

  /** Settles with what the thread answered; never when it dies or is ended, of which `onDeath` tells. */
  async run(run: number, task: ChatTask, take: TakeCall): Promise<unknown> {
    this.#channel.begin(run, take)
    try {
      return await this.#post({ run, task })
    } catch (thrown) {
      this.#died(thrown)
      return await new Promise(() => {})
    }
  }

  /** Nothing of the run is heard any more. */
  endRun(run: number): void {
    this.#channel.end(run)
  }

  /** Takes what it said before it died. */
  drain(): void {
    this.#channel.drain()
  }

  /** Ends the thread whatever it does; resolves once it is gone, which may be never if it sits in native code. */
  async end(): Promise<void> {
    this.#isOver = true
    this.#channel.close()
    await this.#piscina.destroy()
  }

  async #post(task: PoolTask): Promise<unknown> {
    if (this.#isOpen) return await this.#piscina.run(task)
    this.#isOpen = true
    const port = this.#channel.other
    return await this.#piscina.run({ ...task, port }, { transferList: [port] })
  }

  #died(thrown: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onDeath(thrown)
  }
}
