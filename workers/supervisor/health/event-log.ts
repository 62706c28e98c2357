import type { ErrorRecord } from '../../../src/core/errors.ts'
import type { Logger } from '../../../src/core/log/logger.ts'
import type { NamedEvent } from '../../../src/protocol/model/events.ts'
import type { BotReport, ConnectionStateName } from '../../../src/protocol/model/status.ts'

/**
 * Logs the events of `EventMap`, each line with bot and cause: new states of connections, restarts, alerts and dead
 * letters. A line never holds the text of a message.
 */
export class EventLog {
  readonly #log: Logger
  readonly #connections = new Map<string, ConnectionStateName>()

  constructor(log: Logger) {
    this.#log = log
  }

  observe(named: NamedEvent): void {
    const log = this.#log
    switch (named.kind) {
      case 'bot':
        this.#connection(named.event)
        break
      case 'restart': {
        const { name, reason, error, ...fields } = named.event
        log.warn(`the worker of ${name} ended (${error?.message ?? reason}); restarting`, {
          event: 'restart',
          cause: error?.message ?? reason,
          reason,
          ...fields,
          ...stackField(error),
        })
        break
      }
      case 'alert': {
        const { state, kind, name, cause, nextStep, at: _at, ...fields } = named.event
        const text = name === undefined ? cause : `${name}: ${cause}`
        const line = { event: 'alert', alert: kind, cause, ...fields }
        if (state === 'raised') log.error(`${text}; ${nextStep}`, line)
        else log.info(`cleared: ${text}`, line)
        break
      }
      case 'message': {
        const { event } = named
        if (event.stage !== 'dead') break
        const { botId, eventId, reason, error } = event
        // The error text may come from the handler and quote the message, so it is left out.
        log.warn(`event ${eventId} or a reply to it was given up: ${reason}`, {
          event: 'dead',
          botId,
          eventId,
          cause: reason,
          code: error.code,
          ...stackField(error),
        })
        break
      }
      case 'removed':
        this.#connections.delete(named.event.botId)
        break
      case 'store':
      case 'log':
        break
    }
  }

  #connection({ botId, name, connection }: BotReport): void {
    const { state, attempt, trouble, nextAt } = connection
    if (this.#connections.get(botId) === state) return
    this.#connections.set(botId, state)
    const fields = { event: 'connection', botId, state }
    if (state === 'connected') this.#log.info(`${name}: connected`, fields)
    if (state !== 'reconnecting' && state !== 'failed') return
    const code = trouble === undefined ? {} : { cause: trouble.code }
    this.#log.warn(`${name}: ${trouble?.message ?? 'not connected'}`, {
      ...fields,
      ...code,
      attempt,
      ...(nextAt === undefined ? {} : { nextAt: new Date(nextAt).toISOString() }),
    })
  }
}

function stackField(error: ErrorRecord | undefined): { stack?: string } {
  return error?.stack === undefined ? {} : { stack: error.stack }
}
