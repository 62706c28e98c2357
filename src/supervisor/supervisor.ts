import type { Clock } from '../core/time/clock.ts'
import type { LogRecord } from '../core/log/logger.ts'
import type { Finding } from '../protocol/model/finding.ts'
import type { ResolvedSupervisionOptions } from '../protocol/options/supervision-options.ts'
import type { BotStatus } from '../protocol/model/status.ts'
import { BotChild, type BotSpec } from './bot-child.ts'
import type { BotThread, SpawnBot } from './spawn.ts'

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

/** A worker that is still there after so long no longer holds up the end of the one before it. */
const PATIENCE_MS = 50

/**
 * The children by bot id. Knows threads and nothing of messages or the database; holds no state of
 * its own beyond the set of children, so that one bot's fault has nowhere to spread.
 */
export class Supervisor {
  readonly #deps: SupervisorDeps
  readonly #children = new Map<string, BotChild>()

  constructor(deps: SupervisorDeps) {
    this.#deps = deps
  }

  get statuses(): BotStatus[] {
    return [...this.#children.values()].map((child) => child.status)
  }

  /** Undefined for a bot without a worker. */
  status(botId: string): BotStatus | undefined {
    return this.#children.get(botId)?.status
  }

  /**
   * Adds and starts a bot; a bot that is known already keeps its worker. With `connects` the worker keeps a
   * connection, from now on; without, it only sends.
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
        identified: (openId) => identified(spec.botId, openId),
      })
    this.#children.set(spec.botId, child)
    if (connects) child.connect()
    child.start()
  }

  /** Closes a bot's connection and keeps its worker; resolves when no event comes in any more. */
  async disconnect(botId: string, graceMs: number): Promise<void> {
    await this.#children.get(botId)?.disconnect(graceMs)
  }

  /** Ends a bot's worker for good and forgets it; resolves once its thread is gone, at the latest after `graceMs` for each of both. */
  async remove(botId: string, graceMs: number): Promise<void> {
    const child = this.#children.get(botId)
    if (child === undefined) return
    await child.disconnect(graceMs)
    child.stop()
    await child.gone(graceMs)
    this.#children.delete(botId)
  }

  /** A new worker now, whatever the past. Resolves once it starts; false when there is no such bot. */
  async restart(botId: string): Promise<boolean> {
    const child = this.#children.get(botId)
    await child?.restart()
    return child !== undefined
  }

  /** False when there is no such bot. */
  kill(botId: string): boolean {
    const child = this.#children.get(botId)
    child?.kill()
    return child !== undefined
  }

  /** The worker of this incarnation breaks the rules of a wire: it is ended as if it had crashed. */
  misbehaved(botId: string, incarnation: number, cause: string): void {
    this.#children.get(botId)?.misbehaved(incarnation, cause)
  }

  /** Tells a bot's worker, now and at every restart; a bot without a worker is left alone. */
  reconfigure(botId: string, change: Pick<BotSpec, 'name' | 'appSecret'>): void {
    this.#children.get(botId)?.reconfigure(change)
  }

  /** Replaces a bot's connection by a fresh one. */
  async rotate(botId: string, mayOverlap: boolean, deadlineMs: number): Promise<void> {
    await this.#children.get(botId)?.rotate(mayOverlap, deadlineMs)
  }

  /** What a bot's worker finds out about its app; undefined if it has none. */
  async check(botId: string, useWebSocket: boolean): Promise<readonly Finding[] | undefined> {
    return await this.#children.get(botId)?.check(useWebSocket)
  }

  /** Closes every connection so that no new event comes in; replies can still be sent. */
  async drain(graceMs: number): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.drain(graceMs)))
  }

  /**
   * Ends the workers in reverse order of their start; resolves when every thread is gone, at the latest after
   * `deadlineMs`. One that does not end delays the end of the others a little and no more.
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
}
