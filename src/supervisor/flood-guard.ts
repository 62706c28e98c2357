import { asObject } from '../core/as-object.ts'
import type { Clock } from '../core/time/clock.ts'
import type { LogRecord } from '../core/log/logger.ts'
import type { BotSignal } from '../protocol/signal.ts'
import { RateGuard } from '../core/time/rate-guard.ts'

/** What a worker may print within a second, characters; the rest is dropped. */
const PRINTS = 65_536

/** One that prints so much is ended: even what is dropped has to be read. */
const MOST_PRINTS = 4_194_304

/** What a worker may log within a second, lines; the rest is dropped. */
const LOGS = 1_000

/** What a worker may tell within a second; ours keeps its log far below. Node reads all that waits in one turn, so it must be few. */
const MOST_TOLD = 5_000

/** Longest line of a log, characters; the worker itself cuts them far shorter. */
const MOST_TEXT = 1_048_576

/** Weighs what one bot's worker tells: what may be told on, what is dropped, and when it is enough. */
export class FloodGuard {
  readonly #flooded: (cause: string, isFatal: boolean) => void
  readonly #prints: RateGuard
  readonly #mostPrints: RateGuard
  readonly #logs: RateGuard
  readonly #signals: RateGuard

  /** `flooded` is told at most once a second; with `isFatal` the worker has to be ended. */
  constructor(clock: Clock, flooded: (cause: string, isFatal: boolean) => void) {
    this.#flooded = flooded
    this.#prints = new RateGuard(PRINTS, clock)
    this.#mostPrints = new RateGuard(MOST_PRINTS, clock)
    this.#logs = new RateGuard(LOGS, clock)
    this.#signals = new RateGuard(MOST_TOLD, clock)
  }

  /** What a worker told too much must not silence its successor. */
  forget(): void {
    for (const guard of [this.#prints, this.#mostPrints, this.#logs, this.#signals]) guard.forget()
  }

  admitsPrint({ length }: string): boolean {
    if (this.#mostPrints.take(length) === 'exceeded') {
      this.#flooded(`its worker printed more than ${MOST_PRINTS} characters within a second`, true)
    }
    const room = this.#prints.take(length)
    if (room === 'exceeded') this.#flooded('its worker prints too much', false)
    return room === 'taken'
  }

  admitsLog({ message }: LogRecord): boolean {
    if (message.length > MOST_TEXT) {
      this.#flooded(`its worker logged a line of ${message.length} characters`, true)
      return false
    }
    const room = this.#logs.take(1)
    if (room === 'exceeded') this.#flooded('its worker logs too much', false)
    return room === 'taken'
  }

  /** What is no signal at all comes from a worker that is not itself any more. */
  admitsSignal(signal: BotSignal): boolean {
    const room = this.#signals.take(1)
    if (room === 'exceeded') this.#flooded(`its worker told more than ${MOST_TOLD} things within a second`, true)
    if (room !== 'taken') return false
    const isSignal = hasShape(signal)
    if (!isSignal) this.#flooded('its worker told what no worker tells', true)
    return isSignal
  }
}

/** What others rely on. */
function hasShape(signal: unknown): boolean {
  const { kind, status, record, openId } = asObject(signal)
  if (kind === 'connection') return typeof asObject(status)['state'] === 'string'
  if (kind === 'identified') return typeof openId === 'string'
  if (kind === 'log') return typeof asObject(record)['message'] === 'string'
  return kind === 'ready'
}
