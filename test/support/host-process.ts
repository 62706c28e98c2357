import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { DatabaseFault, Drill } from '../../src/core/crash-point.ts'
import type { DeadLetter } from '../../src/protocol/model/message.ts'
import type { MessageSummary } from '../../src/protocol/model/message-log.ts'
import type { FeishuSupervisorOptions, SupervisorStatus } from '../../src/index.ts'

interface Orders {
  addBot(bot: { appId: string; appSecret: string; name: string; domain: string }): Promise<{ id: string }>
  rotateKeys(): Promise<number>
  status(): Promise<SupervisorStatus>
  deadLetters(page: { limit: number; offset: number }): Promise<readonly DeadLetter[]>
  /** The newest four. */
  messages(): Promise<readonly MessageSummary[]>
  killBot(botId: string): Promise<void>
  killSupervisor(): Promise<void>
  /** Of the embedded database. */
  harmDatabase(fault: DatabaseFault): Promise<void>
  stall(ms: number): Promise<void>
  stop(): Promise<void>
}

type Notice =
  | { readonly kind: 'ready' }
  | { readonly kind: 'log'; readonly record: { level: string; scope: string; message: string } }
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string }

/** A supervisor in a process of its own that can be killed; see host.mjs. */
export class HostProcess {
  readonly exited: Promise<void>
  readonly ready: Promise<void>
  readonly #child: ChildProcess
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  #nextId = 1
  #output = ''

  constructor(root: string, options: FeishuSupervisorOptions, drill: Drill, onLog?: (line: string) => void) {
    const child = fork(join(root, 'test/drill/host.mjs'), [JSON.stringify({ options, drill })], {
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#child = child
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()))
    this.exited = once(child, 'exit').then(() => {
      for (const { reject } of this.#pending.values()) reject(new Error('the host process ended'))
      this.#pending.clear()
    })
    this.ready = new Promise((resolve, reject) => {
      child.on('message', (notice: Notice) => {
        if (notice.kind === 'ready') resolve()
        if (notice.kind === 'log') onLog?.(`${notice.record.level} ${notice.record.scope}: ${notice.record.message}`)
        if (notice.kind === 'done') this.#take(notice.id)?.resolve(notice.value)
        if (notice.kind === 'failed') this.#take(notice.id)?.reject(new Error(notice.message))
      })
      void this.exited.then(() => reject(new Error(`the host process ended before it was ready: ${this.#output}`)))
    })
    this.ready.catch(() => {})
  }

  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error('the host process has no id')
    return pid
  }

  get signalCode(): NodeJS.Signals | null {
    return this.#child.signalCode
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Rejects when the order fails or the process ends first. */
  order<K extends keyof Orders>(order: K, ...[argument]: Parameters<Orders[K]>): ReturnType<Orders[K]> {
    const id = this.#nextId++
    const answer = new Promise((resolve, reject) => {
      if (!this.isAlive) reject(new Error('the host process ended'))
      this.#pending.set(id, { resolve, reject })
      this.#child.send({ id, order, argument }, () => {})
    })
    return answer as ReturnType<Orders[K]>
  }

  async kill(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' = 'SIGKILL'): Promise<void> {
    this.#child.kill(signal)
    if (signal === 'SIGKILL') await this.exited
  }

  #take(id: number): { resolve: (value: unknown) => void; reject: (error: Error) => void } | undefined {
    const entry = this.#pending.get(id)
    this.#pending.delete(id)
    return entry
  }
}
