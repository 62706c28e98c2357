import type { SimulatorClient } from '../../src/simulator/control/client.ts'
import type { HistoryEntry } from '../../src/simulator/history/history.ts'

/**
 * Resolves with the first entry of the platform's history with a larger `seq` than `after`, past or future, for which
 * the predicate holds. It is asked about each entry in order, and no more afterwards, so it may count.
 */
export function firstEntry(
  client: Pick<SimulatorClient, 'follow'>,
  isWanted: (entry: HistoryEntry) => boolean,
  after = 0,
): Promise<HistoryEntry> {
  return new Promise((resolve) => {
    let isFound = false
    const unfollow = client.follow((entry) => {
      if (isFound || !isWanted(entry)) return
      isFound = true
      unfollow()
      resolve(entry)
    }, after)
  })
}
