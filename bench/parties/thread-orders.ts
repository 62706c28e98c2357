import { setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { BroadcastChannel, threadId } from 'node:worker_threads'

// The main thread of a measured process and the bench's handler in its pool threads, past the supervisor.

const NAME = 'bench'

/** What a message that holds waits at most: below the time limit of a run. */
const MOST_HOLD_MS = 50_000

/** Garbage collections of all threads. */
const COLLECTED_WITHIN_MS = 1_500

type ThreadMessage =
  | { readonly kind: 'release' }
  | { readonly kind: 'tell_heap' }
  | { readonly kind: 'heap'; readonly thread: number; readonly mb: number }

/** MB by thread. */
export type ThreadHeaps = ReadonlyMap<number, number>

let release = (): void => {}
let releasedOnce = newRelease()

/** In a pool thread, once. */
export function answerThreadOrders(): void {
  const channel = new BroadcastChannel(NAME)
  channel.unref()
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- Node's types have no addEventListener here.
  channel.onmessage = (event: unknown) => {
    const { kind } = messageOf(event)
    if (kind === 'tell_heap')
      channel.postMessage({ kind: 'heap', thread: threadId, mb: heapMb() } satisfies ThreadMessage)
    if (kind !== 'release') return
    release()
    releasedOnce = newRelease()
  }
}

/** Resolves when the bench says so, with a timer beside it as a model's client has one. */
export async function released(): Promise<void> {
  const once = releasedOnce
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, MOST_HOLD_MS)
    void once.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** In the main thread: lets all that hold go on. */
export function releaseHeld(): void {
  const channel = new BroadcastChannel(NAME)
  channel.postMessage({ kind: 'release' } satisfies ThreadMessage)
  channel.close()
}

/**
 * In the main thread: the heaps of all pool threads after garbage collections. There are at least so many, and more
 * when some bots have threads of their own.
 */
export async function heapOfThreads(least: number): Promise<ThreadHeaps> {
  const channel = new BroadcastChannel(NAME)
  const heaps = new Map<number, number>()
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- Node's types have no addEventListener here.
  channel.onmessage = (event: unknown) => {
    const message = messageOf(event)
    if (message.kind === 'heap') heaps.set(message.thread, message.mb)
  }
  channel.postMessage({ kind: 'tell_heap' } satisfies ThreadMessage)
  await wait(COLLECTED_WITHIN_MS)
  channel.close()
  if (heaps.size < least) throw new Error(`${heaps.size} of ${least} threads tell their heap`)
  return heaps
}

function messageOf(event: unknown): ThreadMessage {
  return (event as { data: ThreadMessage }).data
}

function newRelease(): Promise<void> {
  return new Promise((resolve) => {
    release = resolve
  })
}

function heapMb(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // What the first one frees may hold more.
  collect()
  collect()
  return process.memoryUsage().heapUsed / 2 ** 20
}
