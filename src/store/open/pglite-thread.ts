import { once } from 'node:events'
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads'
import { deferred } from '../../core/time/deferred.ts'
import { type ErrorRecord, FeishuSupervisorError, errorRecord, errorText, fromErrorRecord } from '../../core/errors.ts'
import { stackFrames } from '../../core/log/stack-frames.ts'
import type { PgliteBoot, PgliteNotice, PgliteOrder } from '../../protocol/pglite.ts'

/** Longest time of a start. The first start runs initdb, which takes seconds on a small machine. */
const START_TIMEOUT_MS = 60_000
const CLOSE_TIMEOUT_MS = 10_000

/** A running thread. `ready` rejects if the thread ends before the database is open. */
interface Running {
  readonly worker: Worker
  readonly ready: Promise<void>
}

/**
 * Runs PGlite in a thread. PGlite starves an event loop, so it must not run in this thread. If its thread dies, the
 * next connection starts a new one; committed data is on disk.
 */
export class PgliteThread {
  readonly #workerPath: string
  readonly #boot: PgliteBoot
  readonly #onCrash: (error: ErrorRecord) => void
  #running: Running | undefined
  #isClosed = false

  constructor(workerPath: string, boot: PgliteBoot, onCrash: (error: ErrorRecord) => void = () => {}) {
    this.#workerPath = workerPath
    this.#boot = boot
    this.#onCrash = onCrash
  }

  /** Starts the thread if it is not running. Resolves when the database is open. */
  async start(): Promise<Worker> {
    if (this.#isClosed) throw new FeishuSupervisorError('STORE_UNAVAILABLE', 'the embedded database is closed')
    this.#running ??= this.#spawn()
    const { worker, ready } = this.#running
    await ready
    return worker
  }

  /** Opens a new connection: a port that speaks the PostgreSQL protocol. */
  async connect(): Promise<MessagePort> {
    const worker = await this.start()
    const { port1, port2 } = new MessageChannel()
    worker.postMessage({ kind: 'connect', port: port2 } satisfies PgliteOrder, [port2])
    return port1
  }

  /** Ends a thread that no longer answers. */
  kill(): void {
    void this.#running?.worker.terminate()
  }

  /** Closes the database. Resolves when the files are closed and the folder is free. */
  async close(): Promise<void> {
    this.#isClosed = true
    const worker = this.#running?.worker
    if (worker === undefined) return
    const exited = once(worker, 'exit')
    worker.postMessage({ kind: 'close' } satisfies PgliteOrder)
    const timer = setTimeout(() => void worker.terminate(), CLOSE_TIMEOUT_MS)
    await exited
    clearTimeout(timer)
  }

  #spawn(): Running {
    // The environment is empty, because the thread must not see the secrets in the environment of this process.
    const worker = new Worker(this.#workerPath, { name: 'pglite', workerData: this.#boot, env: {}, execArgv: [] })
    const ready = deferred()
    ready.promise.catch(() => {})
    const timer = setTimeout(() => void worker.terminate(), START_TIMEOUT_MS)
    let cause: unknown
    worker.on('message', (notice: PgliteNotice) => {
      if (notice.kind === 'ready') ready.resolve()
      else ready.reject(fromErrorRecord(notice.error))
    })
    worker.on('error', (thrown) => {
      cause = thrown
      this.#onCrash(errorRecord('STORE_UNAVAILABLE', errorText(thrown), stackFrames(thrown, this.#workerPath)))
    })
    worker.on('exit', (exitCode) => {
      clearTimeout(timer)
      if (this.#running?.worker === worker) this.#running = undefined
      const why = cause === undefined ? `exit code ${exitCode}` : errorText(cause)
      ready.reject(
        new FeishuSupervisorError('STORE_UNAVAILABLE', `the thread of the embedded database ended (${why})`, { cause }),
      )
    })
    void ready.promise.then(
      () => clearTimeout(timer),
      () => {},
    )
    return { worker, ready: ready.promise }
  }
}
