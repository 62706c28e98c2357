import type { Finding } from '../protocol/model/finding.ts'
import type { BotThread } from './spawn.ts'

/** Longest check of an app, milliseconds. */
const CHECK_DEADLINE_MS = 60_000

/** Replaces the worker's connection. Resolves when that is done or failed, at the latest after `deadlineMs`. */
export async function rotate(thread: BotThread | undefined, mayOverlap: boolean, deadlineMs: number): Promise<void> {
  await thread?.control
    .call('rotate', deadlineMs, (remote) => remote.rotate(mayOverlap))
    .catch(() => {
      // The worker is gone, or its own deadlines end the rotation.
    })
}

/** Closes the worker's connection. Resolves when that is done, the worker is gone, or `graceMs` is over. */
export async function drain(thread: BotThread | undefined, graceMs: number): Promise<void> {
  try {
    await thread?.control.call('drain', graceMs + 500, (remote) => remote.drain(graceMs))
  } catch {
    // The worker did not answer or is gone. It is terminated next in any case.
  }
}

/** Lets the worker check its app. Undefined without a worker. Rejects when the worker ends before it answers. */
export async function check(
  thread: BotThread | undefined,
  useWebSocket: boolean,
): Promise<readonly Finding[] | undefined> {
  return await thread?.control.call('check', CHECK_DEADLINE_MS, (remote) => remote.check(useWebSocket))
}
