import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { FromParty, OrderTable, ToParty } from './serve-orders.ts'

/** How much of what a process printed is shown when it fails. */
const OUTPUT_LENGTH = 2_000

/** A process of a run: the platform, or what is measured. */
export class Party<O extends OrderTable<O>> {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  #nextId = 1
  #output = ''

  private constructor(path: string, boot: object) {
    this.#child = fork(path, [JSON.stringify(boot)], {
      execArgv: [],
      // Samples are many numbers.
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-OUTPUT_LENGTH)
      })
    }
    this.#exited = once(this.#child, 'exit').then(() => {
      for (const { reject } of this.#pending.values()) reject(this.#ended())
      this.#pending.clear()
    })
  }

  /** Resolves when the process has said that it is ready. */
  static async start<O extends OrderTable<O>>(path: string, boot: object): Promise<Party<O>> {
    const party = new Party<O>(path, boot)
    await new Promise<void>((resolve, reject) => {
      party.#child.on('message', (notice: FromParty) => {
        if (notice.kind === 'ready') return resolve()
        const pending = party.#pending.get(notice.id)
        party.#pending.delete(notice.id)
        if (notice.kind === 'done') pending?.resolve(notice.value)
        else pending?.reject(new Error(notice.message))
      })
      void party.#exited.then(() => reject(party.#ended()))
    })
    return party
  }

  /** Rejects when the order fails or the process ends first. */
  order<K extends keyof O & string>(order: K, ...[argument]: Parameters<O[K]>): Promise<Awaited<ReturnType<O[K]>>> {
    const id = this.#nextId++
    const answer = new Promise((resolve, reject) => {
      if (this.#isGone) return reject(this.#ended())
      this.#pending.set(id, { resolve, reject })
      const message: ToParty = { id, order, argument }
      this.#child.send(message, () => {})
    })
    return answer as Promise<Awaited<ReturnType<O[K]>>>
  }

  /** Ends the process; tolerates twice. */
  async end(): Promise<void> {
    if (!this.#isGone) this.#child.kill('SIGKILL')
    await this.#exited
  }

  get #isGone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  #ended(): Error {
    return new Error(`a process of the run ended: ${this.#output}`)
  }
}
