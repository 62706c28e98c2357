import { MessageChannel, Worker } from 'node:worker_threads'
import type { Clock } from '../core/time/clock.ts'
import { FeishuSupervisorError } from '../core/errors.ts'
import type { ObservedExit } from '../core/lifecycle/exit-reason.ts'
import { newHeartbeat, type Pulse, pulseOf } from '../core/lifecycle/heartbeat.ts'
import { stackFrames } from '../core/log/stack-frames.ts'
import type { ChatOutcome, HostRun } from '../protocol/chat.ts'
import { ControlClient, serveControl } from '../protocol/control-channel.ts'
import type { HostControl, HostSignal, SupervisorBoot } from '../protocol/host.ts'
import type { SourceControl } from '../protocol/model/bot-source.ts'
import type { NamedEvent } from '../protocol/model/events.ts'

/** A live supervisor thread. */
export interface LiveSupervisor {
  readonly control: ControlClient<HostControl>
  pulse(): Pulse
  terminate(): void
  /** Lets the process exit while the thread still runs. */
  unref(): void
}

export interface SupervisorThreadEvents {
  signal(event: NamedEvent): void
  /** Runs a handler of the host. Never rejects. `gone` aborts when the thread that asked has ended. */
  run(run: HostRun, gone: AbortSignal): Promise<ChatOutcome>
  printed(text: string): void
  /** Called exactly once, as the last event of this thread. Its ports are closed then. */
  exited(exit: ObservedExit): void
}

/** Longest wait until the thread has taken the outcome of a run, milliseconds. */
const ANSWER_DEADLINE_MS = 5_000

/** Starts the supervisor thread; the only `new Worker` for it. Throws when the system cannot start another thread. */
export function spawnSupervisorThread(
  given: Omit<SupervisorBoot, 'controlPort' | 'sourcePort' | 'heartbeat'>,
  source: SourceControl | undefined,
  clock: Clock,
  events: SupervisorThreadEvents,
): LiveSupervisor {
  const channel = new MessageChannel()
  const sourceChannel = source && new MessageChannel()
  const ports = [channel.port2, ...(sourceChannel === undefined ? [] : [sourceChannel.port2])]
  const heartbeat = newHeartbeat(given.options.supervision.heartbeatMs)
  const boot: SupervisorBoot = {
    ...given,
    controlPort: channel.port2,
    ...(sourceChannel === undefined ? {} : { sourcePort: sourceChannel.port2 }),
    heartbeat,
  }
  const worker = new Worker(given.paths.supervisorWorker, {
    name: 'feishu supervisor',
    workerData: boot,
    transferList: ports,
    execArgv: [],
    env: {},
    stdout: true,
    stderr: true,
  })
  const control = new ControlClient<HostControl>(channel.port1, clock)
  if (sourceChannel !== undefined && source !== undefined) serveControl(sourceChannel.port1, source)
  const gone = new AbortController()
  let thrown: ObservedExit['thrown']

  worker.on('message', (signals: readonly HostSignal[]) => {
    for (const signal of signals) {
      if (signal.kind === 'run') answer(signal.run)
      else events.signal(signal)
    }
  })
  worker.on('error', (value: unknown) => {
    thrown = { value, stack: stackFrames(value, given.paths.supervisorWorker) }
  })
  worker.on('messageerror', () => void worker.terminate())
  for (const stream of [worker.stdout, worker.stderr]) {
    stream.on('data', (chunk: Buffer) => events.printed(chunk.toString('utf8').trimEnd()))
  }
  worker.once('exit', (exitCode) => {
    gone.abort()
    control.lost(new FeishuSupervisorError('SUPERVISOR_DOWN', 'the supervisor thread ended'))
    channel.port1.close()
    sourceChannel?.port1.close()
    events.exited({ exitCode, ...(thrown === undefined ? {} : { thrown }) })
  })
  return {
    control,
    pulse: pulseOf(worker, heartbeat),
    terminate: () => void worker.terminate(),
    unref: () => worker.unref(),
  }

  function answer(run: HostRun): void {
    events
      .run(run, gone.signal)
      .then((outcome) =>
        control.call('hostRunEnded', ANSWER_DEADLINE_MS, (remote) => remote.hostRunEnded(run.id, outcome)),
      )
      .catch(() => {
        // The thread that asked is gone, or its own deadline will pass. The event is then run again.
      })
  }
}
