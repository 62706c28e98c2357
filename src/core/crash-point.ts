import { getEnvironmentData } from 'node:worker_threads'

/**
 * Every place between an effect that others can see and the write that records it. A process that
 * dies at any of them must neither lose nor double a reply; a test dies at each.
 */
export const CRASH_POINTS = [
  'persist.before',
  'persist.after',
  'ack.before',
  'ack.after',
  'answer.before',
  'answer.after',
  'claim.after',
  'handler.after',
  'stream.opened',
  'stream.made',
  'stream.shown',
  'stream.written',
  'stream.finished',
  'upload.kept',
  'upload.after',
  'complete.after',
  'send.before',
  'send.after',
  'settle.before',
  'settle.after',
  'rotate.row',
] as const

export type CrashPoint = (typeof CRASH_POINTS)[number]

/** Faults on purpose, to show that the proofs would notice them. */
export type PlantedBug = 'early-ack' | 'no-uuid' | 'no-fence'

/** What a drill orders; reaches every thread as Node's environment data, set before the threads are started. */
export interface Drill {
  /** The process kills itself when it comes by this point for the `nth` time in one thread. */
  readonly crash?: { readonly at: CrashPoint; readonly nth: number }
  readonly plant?: PlantedBug
}

/** What a drill may do to the embedded database while it runs: end its thread, or lose its next answers with their connection. */
export type DatabaseFault = { readonly kind: 'end' } | { readonly kind: 'cut'; readonly answers: number }

/** Names the environment data, and the BroadcastChannel for faults. */
export const DRILL_KEY = 'feishu-supervisor.drill'

/** True in the builds for drills only; build.mjs sets it, and leaves the code below out of all others. */
declare const FEISHU_DRILLS: boolean

const visits = new Map<CrashPoint, number>()

export function crashPoint(name: CrashPoint): void {
  if (typeof FEISHU_DRILLS === 'undefined' || !FEISHU_DRILLS) return
  const { crash } = drill()
  if (crash?.at !== name) return
  const visit = (visits.get(name) ?? 0) + 1
  visits.set(name, visit)
  if (visit === crash.nth) process.kill(process.pid, 'SIGKILL')
}

/** A crash point behind what the caller's caller does in this turn of the event loop. */
export function crashPointAfterTurn(name: CrashPoint): void {
  if (typeof FEISHU_DRILLS === 'undefined' || !FEISHU_DRILLS) return
  setImmediate(() => crashPoint(name))
}

export function isPlanted(bug: PlantedBug): boolean {
  if (typeof FEISHU_DRILLS === 'undefined' || !FEISHU_DRILLS) return false
  return drill().plant === bug
}

/** Calls `onFault` for every fault ordered from another thread of this process. */
export function onDatabaseFault(onFault: (fault: DatabaseFault) => void): void {
  if (typeof FEISHU_DRILLS === 'undefined' || !FEISHU_DRILLS) return
  const channel = new BroadcastChannel(DRILL_KEY)
  channel.addEventListener('message', (event) => onFault((event as Event & { data: DatabaseFault }).data))
  channel.unref()
}

function drill(): Drill {
  return (getEnvironmentData(DRILL_KEY) as Drill | undefined) ?? {}
}
