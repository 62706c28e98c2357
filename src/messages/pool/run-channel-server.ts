import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { RunAnswer, RunCall } from '../../protocol/run-channel.ts'

/** Takes what a run calls; `answer` may come late, when it is silent and harmless. */
export type TakeCall = (call: RunCall, answer: (answer: RunAnswer) => void) => void

/** The supervisor thread's end of the run channel, see run-channel.ts. */
export class RunChannelServer {
  /** For the thread where the runs are: to be transferred. */
  readonly other: MessagePort
  readonly #port: MessagePort
  #take: TakeCall | undefined

  constructor() {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.other = port2
    port1.on('message', (call: RunCall) => this.#received(call))
  }

  begin(take: TakeCall): void {
    this.#take = take
  }

  /** The outcome of the run comes another way and may overtake its last calls. */
  end(): void {
    for (let left = receiveMessageOnPort(this.#port); left !== undefined; left = receiveMessageOnPort(this.#port)) {
      this.#received(left.message as RunCall)
    }
    this.#take = undefined
  }

  /** Nobody waits for what is run at the other end. */
  close(): void {
    this.#take = undefined
    this.#port.close()
  }

  #received(call: RunCall): void {
    this.#take?.(call, (answer) => this.#port.postMessage(answer))
  }
}
