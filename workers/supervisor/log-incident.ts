import type { Logger } from '../../src/core/logger.ts'
import type { NamedEvent } from '../../src/protocol/events.ts'

/** A line for every restart and every alert; other events have none. */
export function logIncident(log: Logger, named: NamedEvent): void {
  if (named.kind === 'restart') {
    const { botId, name, reason, error, ...fields } = named.event
    log.warn(`the worker of ${name} ended (${error?.message ?? reason}); it is started again`, {
      botId,
      reason,
      ...fields,
    })
  } else if (named.kind === 'alert') {
    const { state, kind, name, cause, nextStep, at: _at, ...fields } = named.event
    const text = name === undefined ? cause : `${name}: ${cause}`
    if (state === 'raised') log.error(`${text}; ${nextStep}`, { alert: kind, ...fields })
    else log.info(`over: ${text}`, { alert: kind, ...fields })
  }
}
