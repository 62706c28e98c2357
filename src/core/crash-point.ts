import { getEnvironmentData } from 'node:worker_threads'

/**
 * All places between an effect that others can see and the write that records the effect. A process that dies at
 * any of these points must not lose a reply and must not send one twice. A test dies at each point.
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
  'drain.after',
  'rotate.row',
] as const

export type CrashPoint = (typeof CRASH_POINTS)[number]

/** Bugs added on purpose, to show that the tests notice them. */
export type PlantedBug = 'early-ack' | 'no-uuid' | 'no-fence'

/** Orders of a drill. Every thread reads them from Node's environment data, set before the threads are started. */
export interface Drill {
  /** The process kills itself when one thread passes this point for the `nth` time. */
  readonly crash?: { readonly at: CrashPoint; readonly nth: number }
  readonly plant?: PlantedBug
}

/** Fault of the embedded database: `end` ends its thread; `cut` drops the next `answers` answers and their connection. */
export type DatabaseFault = { readonly kind: 'end' } | { readonly kind: 'cut'; readonly answers: number }

/** Name of the environment data and of the BroadcastChannel for faults. */
export const DRILL_KEY = 'feishu-supervisor.drill'

/** True only in builds for drills. build.mjs sets it and leaves the code below out of all other builds. */
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

/** Crash point that runs after the rest of this turn of the event loop, so after the caller's caller. */
export function crashPointAfterTurn(name: CrashPoint): void {
  if (typeof FEISHU_DRILLS === 'undefined' || !FEISHU_DRILLS) return
  setImmediate(() => crashPoint(name))
}

export function isPlanted(bug: PlantedBug): boolean {
  if (typeof FEISHU_DRILLS === 'undefined' || !FEISHU_DRILLS) return false
  return drill().plant === bug
}

/** Calls `onFault` for every fault that another thread of this process orders. */
export function onDatabaseFault(onFault: (fault: DatabaseFault) => void): void {
  if (typeof FEISHU_DRILLS === 'undefined' || !FEISHU_DRILLS) return
  const channel = new BroadcastChannel(DRILL_KEY)
  channel.addEventListener('message', (event) => onFault((event as Event & { data: DatabaseFault }).data))
  channel.unref()
}

function drill(): Drill {
  return (getEnvironmentData(DRILL_KEY) as Drill | undefined) ?? {}
}
