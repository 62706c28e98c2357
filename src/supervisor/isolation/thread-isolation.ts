import { MessageChannel, Worker } from 'node:worker_threads'
import type { ObservedExit } from '../../core/lifecycle/exit-reason.ts'
import { newHeartbeat, pulseOf } from '../../core/lifecycle/heartbeat.ts'
import { hardLimits } from '../../core/lifecycle/memory-budget.ts'
import { stackFrames } from '../../core/log/stack-frames.ts'
import type { BotBoot, WorkerLimits } from '../../protocol/boot.ts'
import type { BotSignal } from '../../protocol/signal.ts'
import type { StartWorker } from './isolated-worker.ts'

/** Starts bot workers as threads; the only `new Worker` for bots. `entry` is the built file of workers/bot. */
export function threadIsolation(entry: string, { heartbeatMs, memoryMb }: WorkerLimits): StartWorker {
  return (bot, incarnation, events) => {
    const control = new MessageChannel()
    const data = new MessageChannel()
    const heartbeat = newHeartbeat(heartbeatMs)
    const boot: BotBoot = {
      ...bot,
      incarnation,
      heartbeat,
      memoryMb,
      controlPort: control.port2,
      dataPort: data.port2,
    }
    const worker = new Worker(entry, {
      name: `bot ${bot.botId}`,
      workerData: boot,
      transferList: [control.port2, data.port2],
      // A bot does not get the flags and the environment of the host, which holds secrets.
      execArgv: [],
      env: {},
      stdout: true,
      stderr: true,
      resourceLimits: hardLimits({ memoryMb }),
    })
    let thrown: ObservedExit['thrown']
    let isEnding = false

    worker.on('message', (signal: BotSignal) => events.signal(signal))
    worker.on('error', (value: unknown) => {
      thrown = { value, stack: stackFrames(value, entry) }
    })
    // An unreadable frame means that the two sides no longer speak the same protocol.
    worker.on('messageerror', () => void worker.terminate())
    worker.once('exit', (exitCode) => {
      control.port1.close()
      data.port1.close()
      events.exited({ exitCode, ...(thrown === undefined ? {} : { thrown }) })
    })
    // Unread output would keep a worker from exiting.
    for (const stream of [worker.stdout, worker.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        // A worker that is ended because it prints too much still has a lot of output waiting: drop it.
        if (!isEnding) events.printed(chunk.toString('utf8').trimEnd())
      })
    }
    return {
      controlPort: control.port1,
      dataPort: data.port1,
      pulse: pulseOf(worker, heartbeat),
      terminate: () => {
        // Each call of `terminate` would add a listener.
        if (!isEnding) void worker.terminate()
        isEnding = true
      },
    }
  }
}
