import type { MessagePort } from 'node:worker_threads'
import type { PGlite } from '@electric-sql/pglite'
import { onDatabaseFault } from '../../src/core/crash-point.ts'

/** First byte of a startup packet, the high byte of its length. All other frames begin with a letter. */
const STARTUP = 0
const TERMINATE = 'X'.charCodeAt(0)

/**
 * PGlite's only session. Only the newest port is connected to it. PGlite answers all frames itself, the startup packet
 * included. Messages run one at a time, in order of arrival.
 */
export class DatabaseSession {
  readonly #database: PGlite
  #port: MessagePort | undefined
  #answersToCut = 0
  #idle: Promise<void> = Promise.resolve()

  constructor(database: PGlite) {
    this.#database = database
    onDatabaseFault((fault) => {
      if (fault.kind === 'cut') this.#answersToCut = fault.answers
    })
  }

  connect(port: MessagePort): void {
    this.#port?.close()
    this.#port = port
    port.on('message', (frames: Uint8Array) => {
      this.#idle = this.#idle.then(() => this.#run(port, frames)).catch(() => port.close())
    })
  }

  async close(): Promise<void> {
    this.#port?.close()
    await this.#idle
    await this.#database.close()
  }

  async #run(port: MessagePort, frames: Uint8Array): Promise<void> {
    if (port !== this.#port) return
    if (frames[0] === TERMINATE) {
      port.close()
      return
    }
    if (frames[0] === STARTUP) await this.#reset()
    const answer = await this.#database.execProtocolRaw(frames)
    if (this.#answersToCut > 0) {
      this.#answersToCut -= 1
      port.close()
      return
    }
    port.postMessage(answer, [answer.buffer as ArrayBuffer])
  }

  /** Ends the transaction, locks and prepared statements of the old connection, as a server does by ending its process. */
  async #reset(): Promise<void> {
    if (this.#database.isInTransaction()) await this.#database.exec('rollback')
    await this.#database.exec('discard all')
  }
}
