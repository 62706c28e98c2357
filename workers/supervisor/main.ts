import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../src/core/time/clock.ts'
import { startBeating } from '../../src/core/lifecycle/heartbeat.ts'
import { serveControl } from '../../src/protocol/control-channel.ts'
import type { HostSignal, SupervisorBoot } from '../../src/protocol/host.ts'
import { composeSupervisor } from './compose.ts'

// An error thrown from here on ends only this thread. The handle then starts a new thread.
const { controlPort, heartbeat, ...boot } = workerData as SupervisorBoot
startBeating(heartbeat)

/** Longest time that a signal about a message waits to be sent together with others, milliseconds. */
const MESSAGES_EVERY_MS = 10

let unsent: HostSignal[] = []
let timer: NodeJS.Timeout | undefined

const control = composeSupervisor({
  boot,
  clock: systemClock,
  random: Math.random,
  emit: notify,
  runOnHost: (run) => parentPort?.postMessage([{ kind: 'run', run } satisfies HostSignal], [run.task.port]),
})

function notify(signal: HostSignal): void {
  unsent.push(signal)
  if (signal.kind === 'message') timer ??= setTimeout(flush, MESSAGES_EVERY_MS)
  else flush()
}

/** Sends all waiting signals in one frame, because each frame wakes the host thread. */
function flush(): void {
  clearTimeout(timer)
  timer = undefined
  if (unsent.length > 0) parentPort?.postMessage(unsent)
  unsent = []
}

serveControl(controlPort, {
  ...control,
  async stop(graceMs: number) {
    await control.stop(graceMs)
    flush()
  },
})
