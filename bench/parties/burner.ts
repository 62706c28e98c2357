import { setTimeout as wait } from 'node:timers/promises'
import { serveOrders } from '../process/serve-orders.ts'
import { burn } from './echo.ts'

// Another process of the machine that burns CPU, for comparison with a handler that does.

export interface BurnerOrders {
  /** `burnMs` of CPU every `everyMs`, for so long. */
  burn(plan: { readonly burnMs: number; readonly everyMs: number; readonly durationMs: number }): Promise<void>
}

serveOrders<BurnerOrders>({
  async burn({ burnMs, everyMs, durationMs }) {
    for (const until = performance.now() + durationMs; performance.now() < until; ) {
      burn(burnMs)
      await wait(everyMs - burnMs)
    }
  },
})
