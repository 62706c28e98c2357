import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { RunAnswer, RunCall, RunFault, RunFrame, RunReturn } from '../../protocol/run-channel.ts'

/**
 * Takes what a run calls; `answer` may come late, when it is silent and harmless. A frame of a stream counts as used
 * when what is returned settles, at once without it.
 */
export type TakeCall = (call: RunCall, answer: (answer: RunAnswer) => void) => void | Promise<void>

/** The supervisor thread's end of the run channel, see run-channel.ts. */
export class RunChannelServer {
  /** For the thread where the runs are: to be transferred. */
  readonly other: MessagePort
  readonly #port: MessagePort
  readonly #takes = new Map<number, TakeCall>()
  readonly #onFault: (run: number, fault: RunFault) => void
  /** Goes out in one message at the end of the turn. */
  #returns: RunReturn[] = []

  constructor(onFault: (run: number, fault: RunFault) => void = () => {}) {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.other = port2
    this.#onFault = onFault
    port1.on('message', (frames: readonly RunFrame[]) => this.#received(frames))
  }

  begin(run: number, take: TakeCall): void {
    this.#takes.set(run, take)
  }

  /** The outcome of the run comes another way and may overtake its last calls. */
  end(run: number): void {
    this.drain()
    this.#takes.delete(run)
  }

  /** Takes what has arrived and was not looked at yet. */
  drain(): void {
    for (let left = receiveMessageOnPort(this.#port); left !== undefined; left = receiveMessageOnPort(this.#port)) {
      this.#received(left.message as readonly RunFrame[])
    }
  }

  /** Nobody waits for what is run at the other end. */
  close(): void {
    this.#takes.clear()
    this.#port.close()
  }

  #received(frames: readonly RunFrame[]): void {
    for (const frame of frames) {
      if ('fault' in frame) this.#onFault(frame.run, frame.fault)
      else void this.#take(frame.run, frame.call)
    }
  }

  async #take(run: number, call: RunCall): Promise<void> {
    const used = this.#takes.get(run)?.(call, (answer) => this.#return({ run, answer }))
    if (call.kind !== 'stream') return
    await used
    this.#return({ run, usedStream: call.frame.stream })
  }

  #return(frame: RunReturn): void {
    if (!this.#takes.has(frame.run)) return
    if (this.#returns.push(frame) > 1) return
    queueMicrotask(() => {
      this.#port.postMessage(this.#returns)
      this.#returns = []
    })
  }
}
