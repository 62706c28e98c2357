import { fork } from 'node:child_process'
import { constants } from 'node:os'
import { MessageChannel } from 'node:worker_threads'
import type { ObservedExit } from '../../core/lifecycle/exit-reason.ts'
import type { Pulse } from '../../core/lifecycle/heartbeat.ts'
import { assertNever } from '../../core/assert-never.ts'
import type { WorkerLimits } from '../../protocol/boot.ts'
import type { FromBotProcess, ToBotProcess } from '../../protocol/bot-process.ts'
import type { StartWorker } from './isolated-worker.ts'

/**
 * Starts each bot worker in its own process. Faults that a thread shares with its process stay there: V8 out of memory,
 * native code that does not return. `processEntry` is the built file of workers/bot-process, `entry` that of workers/bot.
 */
export function processIsolation(processEntry: string, entry: string, limits: WorkerLimits): StartWorker {
  return (bot, incarnation, events) => {
    const child = fork(processEntry, [], {
      // A bot does not get the flags and the environment of the host, which holds secrets.
      execArgv: [],
      env: {},
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    const ports = { control: new MessageChannel(), data: new MessageChannel() }
    let last: Pulse = { beats: 0, memoryMb: 0, utilization: 0 }
    let isNews = false
    /** Exit that the process itself reported; preferred over `observedExit`. */
    let reportedExit: ObservedExit | undefined
    let observedExit: ObservedExit | undefined
    let isRead = false

    const post = (frame: ToBotProcess): void => {
      // A frame to a dead process is dropped, like a frame to a dead thread.
      if (child.connected) child.send(frame, () => {})
    }
    /** Reports the exit once the process is gone and all its frames are read. */
    const finish = (): void => {
      if (observedExit === undefined || !isRead) return
      for (const { port1, port2 } of Object.values(ports)) {
        port1.close()
        port2.close()
      }
      events.exited(reportedExit ?? observedExit)
    }

    for (const wire of ['control', 'data'] as const) {
      ports[wire].port2.on('message', (frame: unknown) => post({ wire, frame }))
    }
    child.on('message', (frame: FromBotProcess) => {
      switch (frame.wire) {
        case 'control':
        case 'data':
          ports[frame.wire].port2.postMessage(frame.frame)
          break
        case 'signal':
          events.signal(frame.signal)
          break
        case 'printed':
          events.printed(frame.text)
          break
        case 'pulse':
          last = frame.pulse
          isNews = true
          break
        case 'exited': {
          const { exitCode, thrown } = frame
          reportedExit = {
            exitCode,
            ...(thrown === undefined ? {} : { thrown: { value: toError(thrown), stack: thrown.stack } }),
          }
          break
        }
        default:
          assertNever(frame)
      }
    })
    child.once('disconnect', () => {
      isRead = true
      finish()
    })
    child.once('exit', (code, signal) => {
      observedExit = signal === null ? { exitCode: code ?? 1 } : killedBy(signal)
      finish()
    })
    // Without a process id there is no process, so neither of the two events above is emitted.
    child.once('error', (value) => {
      if (child.pid !== undefined) return
      isRead = true
      observedExit = { exitCode: 1, thrown: { value } }
      finish()
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => events.printed(chunk.toString('utf8').trimEnd()))
    }
    post({ wire: 'boot', bot, incarnation, entry, limits })

    return {
      controlPort: ports.control.port1,
      dataPort: ports.data.port1,
      pulse: () => {
        const pulse = isNews ? last : { ...last, utilization: 1 }
        isNews = false
        return pulse
      },
      terminate: () => void child.kill('SIGKILL'),
    }
  }
}

function toError({ message, code }: { readonly message: string; readonly code?: string }): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code })
}

/** Exit of a process that a signal ended. V8 ends a process without free memory with SIGABRT. */
function killedBy(signal: NodeJS.Signals): ObservedExit {
  const thrown = { message: `the process of the worker was ended by ${signal}` }
  const value = toError(signal === 'SIGABRT' ? { ...thrown, code: 'ERR_WORKER_OUT_OF_MEMORY' } : thrown)
  return { exitCode: 128 + constants.signals[signal], thrown: { value } }
}
