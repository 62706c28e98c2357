import { type ChildProcess, fork } from 'node:child_process'
import { asObject } from '../../core/as-object.ts'
import { errorText } from '../../core/errors.ts'
import { hardLimits } from '../../core/lifecycle/memory-budget.ts'
import type { Clock } from '../../core/time/clock.ts'
import { type Deferred, deferred } from '../../core/time/deferred.ts'
import type { ChatTask, PoolAnswer } from '../../protocol/chat.ts'
import {
  type ChatProcessBoot,
  type FromChatProcess,
  LIFE_LINE,
  type ToChatProcess,
} from '../../protocol/chat-process.ts'
import type { RunFault } from '../../protocol/run-channel.ts'
import { EndedRuns } from './ended-runs.ts'
import { failed, toAnswer } from './pool-run.ts'
import { PrintedLines } from './printed-lines.ts'
import { endOf } from './process-end.ts'
import { RunChannelServer, type TakeCall } from './run-channel-server.ts'

export interface HandlerProcessOptions {
  /** The built file of workers/chat-process. */
  readonly entry: string
  readonly boot: ChatProcessBoot
  readonly clock: Clock
  readonly onPrinted: (text: string) => void
  /** It did something after the end of a run. True: that run is known, and it was logged as its own. */
  readonly onLateFault: (message: string, isLogged: boolean) => void
}

/** `gone`: there is no process any more, or there never was one; `end` says how it ended. */
type ProcessState =
  | { readonly name: 'idle' }
  | { readonly name: 'running'; readonly run: Running }
  | { readonly name: 'gone'; readonly end: string }

interface Running {
  readonly id: number
  readonly timeoutMs: number
  readonly take: TakeCall
  readonly answer: Deferred<PoolAnswer>
  cancelDeadline: () => void
}

/** Longest time from the start of the process until its script has run, on a machine that is busy. */
const START_MS = 30_000

/** Longest time until the output of a process is read that has ended: another one may hold the streams open. */
const READ_MS = 500

/** One child process that runs handlers, one run at a time, for one life. */
export class HandlerProcess {
  /** Resolves when there is no process any more, to how it ended. */
  readonly gone: Promise<string>
  /** Runs that ever began in it. */
  begunCount = 0
  /** Something was thrown in it that nobody caught. */
  hasFault = false
  /** Heap and Buffers after the last run. */
  memoryMb = 0
  readonly #clock: Clock
  readonly #child: ChildProcess
  readonly #channel: RunChannelServer
  readonly #ended = new EndedRuns()
  readonly #onLateFault: HandlerProcessOptions['onLateFault']
  readonly #gone = deferred<string>()
  #output: readonly PrintedLines[] = []
  #isReady = false
  #state: ProcessState = { name: 'idle' }

  /** Throws when the system cannot start another process. */
  constructor({ entry, boot, clock, onPrinted, onLateFault }: HandlerProcessOptions) {
    this.gone = this.#gone.promise
    this.#clock = clock
    this.#onLateFault = onLateFault
    this.#child = fork(entry, [], {
      // A handler does not get the flags and the environment of the host, which holds secrets.
      execArgv: [`--max-old-space-size=${hardLimits(boot).maxOldGenerationSizeMb}`],
      env: {},
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
    })
    this.#channel = new RunChannelServer((run, fault) => this.#onFault(run, fault))
    this.#channel.other.on('message', (returns) => this.#post({ wire: 'returns', returns }))
    this.#listen(onPrinted)
    this.#post({ wire: 'boot', boot })
  }

  /** Never rejects. When it ends without an answer, the process has to be ended. */
  run(task: ChatTask, timeoutMs: number, take: TakeCall): Promise<PoolAnswer> {
    if (this.#state.name === 'running') throw new TypeError('a process has one run at a time')
    if (this.#state.name === 'gone') return Promise.resolve(died(this.#state.end))
    const answer = deferred<PoolAnswer>()
    this.begunCount += 1
    const run: Running = { id: this.begunCount, timeoutMs, take, answer, cancelDeadline: () => {} }
    this.#state = { name: 'running', run }
    this.#channel.begin(run.id, take)
    this.#post({ wire: 'task', task: { run: run.id, task } })
    if (this.#isReady) this.#startDeadline(run)
    else run.cancelDeadline = this.#after(START_MS, () => died(`did not start within ${START_MS} ms`))
    return answer.promise
  }

  /** Ends it whatever it does. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Nobody waits for its run any more: it was killed, and the system does not let go of it. */
  abandon(): void {
    this.#settle(died('does not end although it was killed'))
  }

  #listen(onPrinted: (text: string) => void): void {
    const { stdout, stderr, stdio } = this.#child
    this.#output = [stdout, stderr].flatMap((stream) =>
      stream === null ? [] : [new PrintedLines(stream, this.#clock, onPrinted)],
    )
    const lifeLine = stdio[LIFE_LINE]
    // It only ends, and only if it is read.
    if (lifeLine !== null && lifeLine !== undefined && 'resume' in lifeLine) lifeLine.on('error', () => {}).resume()
    this.#child.on('message', (frame: unknown) => this.#onFrame(frame))
    this.#child.once('exit', (code, signal) => {
      for (const output of this.#output) output.readToEnd()
      const finish = (): void => this.#finish(endOf(code, signal, this.#output.at(-1)?.tail ?? ''))
      const cancel = this.#clock.after(READ_MS, finish)
      this.#child.once('close', () => {
        cancel()
        finish()
      })
    })
    // Without a process id there is no process, so neither of the two events above is emitted.
    this.#child.on('error', (thrown) => {
      if (this.#child.pid === undefined) this.#finish(`could not be started: ${errorText(thrown)}`)
    })
  }

  /** Code of the user may send over the same channel: what is not ours changes nothing. */
  #onFrame(given: unknown): void {
    const frame = asObject(given) as Partial<FromChatProcess>
    if (frame.wire === 'ready' && !this.#isReady) {
      this.#isReady = true
      if (this.#state.name === 'running') this.#startDeadline(this.#state.run)
    }
    if (frame.wire === 'frames' && Array.isArray(frame.frames)) this.#channel.other.postMessage(frame.frames)
    if (frame.wire === 'answer') this.#settle(toAnswer(frame.answer))
  }

  #onFault(id: number, { message, isLate }: RunFault): void {
    this.hasFault = true
    if (isLate) this.#onLateFault(message, this.#ended.logLate(id, message))
  }

  #startDeadline(run: Running): void {
    run.cancelDeadline()
    const { timeoutMs } = run
    run.cancelDeadline = this.#after(timeoutMs, () => ({
      outcome: failed('HANDLER_TIMEOUT', `the handler did not end within ${timeoutMs} ms`),
      memoryMb: 0,
    }))
  }

  #after(ms: number, answer: () => PoolAnswer): () => void {
    return this.#clock.after(ms, () => this.#settle(answer()))
  }

  #settle(answer: PoolAnswer): void {
    if (this.#state.name !== 'running') return
    const { run } = this.#state
    this.#state = { name: 'idle' }
    run.cancelDeadline()
    // Takes what it said before.
    this.#channel.end(run.id)
    this.#ended.add(run.id, { botId: undefined, take: run.take })
    this.memoryMb = answer.memoryMb
    run.answer.resolve(answer)
  }

  #finish(end: string): void {
    if (this.#state.name === 'gone') return
    this.#settle(died(end))
    this.#state = { name: 'gone', end }
    this.#channel.close()
    for (const stream of this.#child.stdio) stream?.destroy()
    this.#gone.resolve(end)
  }

  #post(frame: ToChatProcess): void {
    // A frame to a dead process is dropped, like a frame to a dead thread.
    if (this.#child.connected) this.#child.send(frame, () => {})
  }
}

function died(end: string): PoolAnswer {
  return { outcome: failed('HANDLER_PROCESS_DIED', `the process of the handler ${end}`), memoryMb: 0 }
}
