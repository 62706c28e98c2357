import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { ThreadHeaps } from '../parties/thread-orders.ts'
import type { SimulatedApp } from '../../src/simulator/shared/app-directory.ts'

/** What a measured process is started with. */
export interface SubjectBoot {
  /** Of the platform. */
  readonly url: string
  readonly apps: readonly SimulatedApp[]
  readonly databaseUrl?: string
  readonly dataDir: string
  readonly handler: string
  /** For throughput and growth: no outbound limits. */
  readonly isUnlimited: boolean
  /** Restarts wait as they do for users, instead of hardly. A bot is never parked, either way. */
  readonly hasBackoff: boolean
  /** A thread of the pool that stands still so long is ended. Default: as for users. */
  readonly handlerHangMs?: number
  /** The last so many apps are answered by this module. Default: none. */
  readonly streaming?: { readonly bots: number; readonly handler: string }
}

export interface SubjectOrders {
  rssMb(): number
  /** CPU time of all threads since the start, milliseconds. */
  cpuMs(): number
  /** Resolves with the p99 of the main thread's event loop delay since the last call, milliseconds. */
  loopDelayMs(): number
  /** Holds the main thread up. */
  block(ms: number): void
  /** Ends a bot's worker as a crash would. */
  killBot(appId: string): Promise<void>
  /** Handlers under way. */
  busyRuns(): Promise<number>
  /** Heap of each pool thread after a garbage collection, MB. */
  handlerHeaps(): Promise<ThreadHeaps>
  /** Lets messages that begin with `hold` be answered. */
  release(): void
  stop(): Promise<void>
}

/** What every process can do, whatever runs in it. */
export function commonOrders(): Pick<SubjectOrders, 'rssMb' | 'cpuMs' | 'loopDelayMs' | 'block'> {
  const delays = monitorEventLoopDelay({ resolution: 1 })
  return {
    rssMb: () => process.memoryUsage().rss / 2 ** 20,
    cpuMs() {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1_000
    },
    loopDelayMs() {
      const p99Ms = delays.percentile(99) / 1e6
      delays.reset()
      delays.enable()
      return p99Ms
    },
    block: (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
  }
}

/** A process without a pool of handler threads. */
export const withoutPool: Pick<SubjectOrders, 'busyRuns' | 'handlerHeaps' | 'release'> = {
  busyRuns: () => Promise.reject(new Error('there is no pool here')),
  handlerHeaps: () => Promise.reject(new Error('there is no pool here')),
  release: () => {},
}

/** A process without workers. */
export const singleThread: typeof withoutPool & Pick<SubjectOrders, 'killBot'> = {
  ...withoutPool,
  killBot: () => Promise.reject(new Error('there are no workers here')),
}
