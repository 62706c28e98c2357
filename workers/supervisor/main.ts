import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../src/core/time/clock.ts'
import { startBeating } from '../../src/core/lifecycle/heartbeat.ts'
import { serveControl } from '../../src/protocol/control-server.ts'
import type { HostSignal, SupervisorBoot } from '../../src/protocol/host.ts'
import { composeSupervisor } from './compose.ts'

// Whatever is thrown from here on ends this thread only; the handle starts the next one.
const { controlPort, heartbeat, ...boot } = workerData as SupervisorBoot
startBeating(heartbeat)

/** What happens to messages is told together: at most so late, milliseconds. */
const TELL_MESSAGES_MS = 10

let untold: HostSignal[] = []
let timer: NodeJS.Timeout | undefined

const control = composeSupervisor({
  boot,
  clock: systemClock,
  random: Math.random,
  emit: notify,
  runOnHost: (run) => parentPort?.postMessage([{ kind: 'run', run } satisfies HostSignal], [run.task.port]),
})

function notify(signal: HostSignal): void {
  untold.push(signal)
  if (signal.kind === 'message') timer ??= setTimeout(tell, TELL_MESSAGES_MS)
  else tell()
}

/** One frame, however many signals: each wakes the host's thread. */
function tell(): void {
  clearTimeout(timer)
  timer = undefined
  if (untold.length > 0) parentPort?.postMessage(untold)
  untold = []
}

serveControl(controlPort, {
  ...control,
  async stop(graceMs: number) {
    await control.stop(graceMs)
    tell()
  },
})
