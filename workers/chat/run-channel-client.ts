import { FeishuSupervisorError } from '../../src/core/errors.ts'
import type { RunCall, RunFault, RunFrame, RunReturn } from '../../src/protocol/run-channel.ts'

/** What comes back to a run, which must not throw. */
export interface RunReceiver {
  returned(frame: RunReturn): void
  /** Nobody will answer any more. */
  lost(): void
}

/** What the channel needs of its port: that of a thread, or what stands for it in a process. */
export interface RunPort {
  postMessage(frames: readonly RunFrame[]): void
  on(event: 'message', received: (frames: readonly RunReturn[]) => void): unknown
  once(event: 'close', closed: () => void): unknown
}

/** End of the run channel in the thread of the handler, see run-channel.ts in src/protocol. */
export class RunChannelClient {
  readonly #port: RunPort
  readonly #runs = new Map<number, RunReceiver>()
  /** Frames of streams, which go out in one message at the end of the turn. */
  #waiting: RunFrame[] = []
  #isLost = false

  constructor(port: RunPort) {
    this.#port = port
    port.on('message', (frames: readonly RunReturn[]) => {
      for (const frame of frames) this.#runs.get(frame.run)?.returned(frame)
    })
    port.once('close', () => {
      this.#isLost = true
      for (const run of this.#runs.values()) run.lost()
    })
  }

  begin(run: number, receiver: RunReceiver): void {
    this.#runs.set(run, receiver)
    if (this.#isLost) receiver.lost()
  }

  end(run: number): void {
    this.#runs.delete(run)
  }

  /** What may be the last thing a handler says before its thread dies does not wait. */
  post(run: number, call: RunCall): void {
    if (call.kind !== 'stream') return this.#flush({ run, call })
    if (this.#waiting.push({ run, call }) === 1) queueMicrotask(() => this.#flush())
  }

  fault(run: number, fault: RunFault): void {
    this.#flush({ run, fault })
  }

  #flush(...more: readonly RunFrame[]): void {
    const frames = [...this.#waiting, ...more]
    this.#waiting = []
    if (frames.length > 0) this.#port.postMessage(frames)
  }
}

export function runEnded(): FeishuSupervisorError {
  return new FeishuSupervisorError('SUPERVISOR_DOWN', 'the handler run has ended: ctx cannot be used any more')
}
