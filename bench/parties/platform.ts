import type { SimulatedApp } from '../../src/simulator/shared/app-directory.ts'
import { entryOf } from '../../src/simulator/history/history.ts'
import { FeishuSimulator, type SimulatorOptions } from '../../src/simulator/simulator.ts'
import { type Burst, type BurstResult, runBurst } from '../process/burst.ts'
import { type ClosedLoad, type LoadResult, type OpenLoad, runClosedLoad, runOpenLoad } from '../process/load.ts'
import { readBoot, serveOrders } from '../process/serve-orders.ts'

// The simulator in its own process, with the loads: what is measured shares no thread with it, and latencies
// are differences of one clock.

export interface PlatformBoot extends SimulatorOptions {
  readonly apps: readonly SimulatedApp[]
}

export interface PlatformOrders {
  url(): string
  open(load: OpenLoad): Promise<LoadResult>
  closed(load: ClosedLoad): Promise<number>
  burst(burst: Burst): Promise<BurstResult>
  /** The number of the newest entry of the history. */
  seq(): number
  /** Resolves with the instant, in milliseconds since the epoch, when each of so many apps got a connection after `seq`. */
  connected(wait: { readonly apps: number; readonly after: number }): Promise<number>
  /** Resolves with the time from an app's next lost connection to its next ready one. */
  reconnected(wait: { readonly appId: string; readonly after: number }): Promise<number>
}

const CONNECT_TIMEOUT_MS = 60_000

const { apps, ...options } = readBoot() as PlatformBoot
const simulator = new FeishuSimulator(options)
for (const app of apps) simulator.addApp(app)
const { url } = await simulator.start()

serveOrders<PlatformOrders>({
  url: () => url,
  open: (load) => runOpenLoad(simulator, load),
  closed: (load) => runClosedLoad(simulator, load),
  burst: (burst) => runBurst(simulator, burst),
  seq: () => simulator.history.entries.length,

  connected({ apps: count, after }) {
    const ready = new Set<string>()
    let seen = after
    return simulator.history.until(
      () => {
        const { entries } = simulator.history
        for (; seen < entries.length; seen += 1) {
          const entry = entries[seen]
          if (entry?.kind !== 'connection_ready') continue
          ready.add(entry.appId)
          if (ready.size === count) return entry.at
        }
        return undefined
      },
      CONNECT_TIMEOUT_MS,
      () => `only ${ready.size} of ${count} apps connected`,
    )
  },

  async reconnected({ appId, after }) {
    const { history } = simulator
    const lost = await history.once(
      entryOf('connection_closed', (entry) => entry.appId === appId),
      CONNECT_TIMEOUT_MS,
      after,
    )
    const ready = await history.once(
      entryOf('connection_ready', (entry) => entry.appId === appId),
      CONNECT_TIMEOUT_MS,
      lost.seq,
    )
    return ready.at - lost.at
  },
})
