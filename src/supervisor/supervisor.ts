import type { Clock } from '../core/time/clock.ts'
import type { LogRecord } from '../core/log/logger.ts'
import type { Finding } from '../protocol/model/finding.ts'
import type { ResolvedSupervisionOptions } from '../protocol/options/supervision-options.ts'
import type { BotStatus } from '../protocol/model/status.ts'
import { BotChild } from './bot-child.ts'
import type { BotSpec, BotThread, SpawnBot } from './spawn.ts'

export interface SupervisorDeps {
  readonly spawn: SpawnBot
  readonly policy: ResolvedSupervisionOptions
  readonly clock: Clock
  readonly random: () => number
  spawned(botId: string, thread: BotThread, incarnation: number): void
  gone(botId: string, incarnation: number): void
  changed(status: BotStatus): void
  identified(botId: string, openId: string): void
  log(record: LogRecord): void
}

/** Longest time that the end of one worker delays the end of the worker started before it, milliseconds. */
const PATIENCE_MS = 50

/**
 * Supervises one `BotChild` per bot. Knows workers, but not messages or the database. Its only state is the set of
 * children, so that a fault of one bot cannot spread.
 */
export class Supervisor {
  readonly #deps: SupervisorDeps
  readonly #children = new Map<string, BotChild>()
  /** Bots that were removed, but have threads that do not end. They are shown until those are gone. */
  readonly #removed = new Set<string>()

  constructor(deps: SupervisorDeps) {
    this.#deps = deps
  }

  get statuses(): BotStatus[] {
    return [...this.#children.values()].map((child) => child.status)
  }

  /** Undefined for a bot without a child. */
  status(botId: string): BotStatus | undefined {
    return this.#children.get(botId)?.status
  }

  /**
   * Adds and starts a bot. A known bot keeps its worker; the specification is for the next one. With `connects` (default true) the worker keeps a connection
   * from now on. Without it a new bot only sends.
   */
  start(spec: BotSpec, connects = true): void {
    const { spawned, gone, identified, ...shared } = this.#deps
    const child =
      this.#children.get(spec.botId) ??
      new BotChild({
        ...shared,
        spec,
        spawned: (thread, incarnation) => spawned(spec.botId, thread, incarnation),
        gone: (incarnation) => gone(spec.botId, incarnation),
        changed: (status) => this.#changed(status),
        identified: (openId) => identified(spec.botId, openId),
      })
    this.#children.set(spec.botId, child)
    this.#removed.delete(spec.botId)
    if (connects) child.connect()
    child.start(spec)
  }

  /** Closes a bot's connection and keeps its worker. Resolves when the connection is closed, the worker is gone, or `graceMs` is over. */
  async disconnect(botId: string, graceMs: number): Promise<void> {
    await this.#children.get(botId)?.disconnect(graceMs)
  }

  /** Ends a bot's worker for good and forgets the bot. Waits at most `graceMs` for the connection and `graceMs` for the worker to end. */
  async remove(botId: string, graceMs: number): Promise<void> {
    const child = this.#children.get(botId)
    if (child === undefined) return
    await child.disconnect(graceMs)
    child.stop()
    this.#removed.add(botId)
    await child.gone(graceMs)
    if (child.isOver) this.#forget(botId)
  }

  /**
   * Starts a new worker now, in every state. Resolves once the worker starts; false for an unknown bot. Rejects with
   * `WORKER_STUCK` when so many threads of the bot sit in native code that it gets no further one.
   */
  async restart(botId: string): Promise<boolean> {
    const child = this.#children.get(botId)
    if (child === undefined || this.#removed.has(botId)) return false
    await child.restart()
    await child.restarted()
    return true
  }

  /** Ends a bot's worker as a crash would. False for an unknown bot. */
  kill(botId: string): boolean {
    const child = this.#children.get(botId)
    child?.kill()
    return child !== undefined
  }

  /** Ends the worker of this incarnation as a crash would, because it breaks the protocol of a channel. */
  misbehaved(botId: string, incarnation: number, cause: string): void {
    this.#children.get(botId)?.misbehaved(incarnation, cause)
  }

  /** Applies a change to a bot's worker, now and at every restart. Does nothing for an unknown bot. */
  reconfigure(botId: string, change: Pick<BotSpec, 'name' | 'appSecret'>): void {
    this.#children.get(botId)?.reconfigure(change)
  }

  /** Replaces a bot's connection with a new one. */
  async rotate(botId: string, mayOverlap: boolean, deadlineMs: number): Promise<void> {
    await this.#children.get(botId)?.rotate(mayOverlap, deadlineMs)
  }

  /** Lets a bot's worker check its app. Undefined without a worker. */
  async check(botId: string, useWebSocket: boolean): Promise<readonly Finding[] | undefined> {
    return await this.#children.get(botId)?.check(useWebSocket)
  }

  /** Closes all connections, so that no new events arrive. Replies can still be sent. */
  async drain(graceMs: number): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.drain(graceMs)))
  }

  /**
   * Ends the workers in reverse order of their start. Resolves when all workers are gone, at the latest after
   * `deadlineMs`. A worker that does not end delays the others by at most `PATIENCE_MS`.
   */
  async stop(deadlineMs: number): Promise<void> {
    const { clock } = this.#deps
    const stopAt = clock.now() + deadlineMs
    const children = [...this.#children.values()].toReversed()
    for (const child of children) {
      child.stop()
      await child.gone(Math.min(PATIENCE_MS, stopAt - clock.now()))
    }
    await Promise.all(children.map((child) => child.gone(stopAt - clock.now())))
  }

  #changed(status: BotStatus): void {
    const { botId } = status
    if (this.#removed.has(botId) && this.#children.get(botId)?.isOver === true) this.#forget(botId)
    this.#deps.changed(status)
  }

  #forget(botId: string): void {
    if (this.#removed.delete(botId)) this.#children.delete(botId)
  }
}
