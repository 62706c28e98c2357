import { FeishuSupervisorError } from '../core/errors.ts'
import type { Child, ChildPolicy } from '../core/lifecycle/child-state.ts'
import type { Isolation } from '../protocol/model/bot-settings.ts'
import type { ResolvedSupervisionOptions } from '../protocol/options/supervision-options.ts'

/** Longest end of a worker, milliseconds. One that takes longer sits in native code. */
export const END_TIMEOUT_MS = 3_000

/** One bot may lose so many threads: what keeps two of them would keep the next one too. */
const MOST_STUCK = 2

/** Rules for the workers of one bot, whose isolation may change. */
export function childPolicy<P extends ResolvedSupervisionOptions>(policy: P, isolation: () => Isolation) {
  return {
    ...policy,
    endTimeoutMs: END_TIMEOUT_MS,
    get mostStuck() {
      // Native code does not outlive its process, so there is nothing to count.
      return isolation() === 'process' ? Number.POSITIVE_INFINITY : MOST_STUCK
    },
  } satisfies ChildPolicy
}

/** Throws `WORKER_STUCK` when the bot has lost so many threads that it gets no further one. */
export function refuseIfCrowded({ state }: Child, botId: string): void {
  if (state.name !== 'failed' || state.isCrowded !== true) return
  const mend = "a bot with isolation 'process' can be restarted in any case"
  throw new FeishuSupervisorError('WORKER_STUCK', `bot ${botId}: ${state.why}; ${mend}`)
}
