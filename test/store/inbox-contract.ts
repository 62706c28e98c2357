import { describe } from 'vitest'
import { describeArrivals } from './inbox-arrivals.ts'
import { describeDeadLetters } from './inbox-dead-letters.ts'
import { describeDeaths } from './inbox-deaths.ts'
import type { CurrentInbox } from './inbox-driver.ts'
import { describeFences } from './inbox-fences.ts'
import { describePruning } from './inbox-pruning.ts'
import { describeReplies } from './inbox-replies.ts'

/** What an inbox does beyond first in, first out: delays, recalls, dead letters, forgetting. */
export function describeInbox(name: string, current: CurrentInbox): void {
  describe(`the inbox ${name}`, () => {
    describeArrivals(current)
    describeReplies(current)
    describeDeadLetters(current)
    describeDeaths(current)
    describePruning(current)
    describeFences(current)
  })
}
