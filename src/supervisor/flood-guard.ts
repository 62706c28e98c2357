import { asObject } from '../core/as-object.ts'
import type { Clock } from '../core/time/clock.ts'
import type { LogRecord } from '../core/log/logger.ts'
import type { BotSignal } from '../protocol/signal.ts'
import { RateGuard } from '../core/time/rate-guard.ts'

/** Most characters that a worker may print within a second. The rest is dropped. */
const PRINTS = 65_536

/** Characters within a second above which the worker is ended: dropped output has to be read too. */
const MOST_PRINTS = 4_194_304

/** Most lines that a worker may log within a second. The rest is dropped. */
const LOGS = 1_000

/**
 * Most signals that a worker may send within a second. A sound worker keeps its log far below. The limit is low because
 * Node reads all waiting messages in one turn of the event loop.
 */
const MOST_SIGNALS = 5_000

/** Longest log line, characters. A sound worker cuts its lines far shorter. */
const MOST_TEXT = 1_048_576

/** Limits the output and signals of one bot's worker: passes them on, drops them, or reports that the worker has to be ended. */
export class FloodGuard {
  readonly #flooded: (cause: string, isFatal: boolean) => void
  readonly #prints: RateGuard
  readonly #mostPrints: RateGuard
  readonly #logs: RateGuard
  readonly #signals: RateGuard

  /** `flooded` is called at most once a second for each limit. With `isFatal` the worker has to be ended. */
  constructor(clock: Clock, flooded: (cause: string, isFatal: boolean) => void) {
    this.#flooded = flooded
    this.#prints = new RateGuard(PRINTS, clock)
    this.#mostPrints = new RateGuard(MOST_PRINTS, clock)
    this.#logs = new RateGuard(LOGS, clock)
    this.#signals = new RateGuard(MOST_SIGNALS, clock)
  }

  /** Resets all counts, so that the output of one worker does not silence the next. */
  forget(): void {
    for (const guard of [this.#prints, this.#mostPrints, this.#logs, this.#signals]) guard.forget()
  }

  admitsPrint({ length }: string): boolean {
    if (this.#mostPrints.take(length) === 'exceeded') {
      this.#flooded(`the worker printed more than ${MOST_PRINTS} characters within a second`, true)
    }
    const room = this.#prints.take(length)
    if (room === 'exceeded') this.#flooded(`the worker prints more than ${PRINTS} characters a second`, false)
    return room === 'taken'
  }

  admitsLog({ message }: LogRecord): boolean {
    if (message.length > MOST_TEXT) {
      this.#flooded(`the worker logged a line of ${message.length} characters`, true)
      return false
    }
    const room = this.#logs.take(1)
    if (room === 'exceeded') this.#flooded(`the worker logs more than ${LOGS} lines a second`, false)
    return room === 'taken'
  }

  /** False for a signal that is dropped. A frame that is not a `BotSignal` shows a broken worker, which has to be ended. */
  admitsSignal(signal: BotSignal): boolean {
    const room = this.#signals.take(1)
    if (room === 'exceeded') this.#flooded(`the worker sent more than ${MOST_SIGNALS} signals within a second`, true)
    if (room !== 'taken') return false
    const isSignal = hasShape(signal)
    if (!isSignal) this.#flooded('the worker sent an invalid signal', true)
    return isSignal
  }
}

/** Checks only the fields that readers of a signal rely on. */
function hasShape(signal: unknown): boolean {
  const { kind, status, record, openId } = asObject(signal)
  if (kind === 'connection') return typeof asObject(status)['state'] === 'string'
  if (kind === 'identified') return typeof openId === 'string'
  if (kind === 'log') return typeof asObject(record)['message'] === 'string'
  return kind === 'ready'
}
