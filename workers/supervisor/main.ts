import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../src/core/clock.ts'
import { startBeating } from '../../src/core/heartbeat.ts'
import { serveControl } from '../../src/protocol/control-server.ts'
import type { HostSignal, SupervisorBoot } from '../../src/protocol/host.ts'
import { composeSupervisor } from './compose.ts'

// Whatever is thrown from here on ends this thread only; the handle starts the next one.
const { controlPort, heartbeat, ...boot } = workerData as SupervisorBoot
startBeating(heartbeat)

const control = composeSupervisor({
  boot,
  clock: systemClock,
  random: Math.random,
  emit: notify,
  runOnHost: (run) => parentPort?.postMessage({ kind: 'run', run } satisfies HostSignal, [run.task.port]),
})

function notify(signal: HostSignal): void {
  parentPort?.postMessage(signal)
}

serveControl(controlPort, control)
