import type { Logger } from '../../../src/core/log/logger.ts'

/** The SDK's LoggerProxy passes its words as one array argument. */
type Words = readonly unknown[]

/**
 * Logger for the SDK. Trace lines go to `onTrace`: they are the public hook for pings and pongs. The other lines go to
 * our logger one level lower, because the connection itself reports what matters to an operator. Debug lines are dropped:
 * they print payloads and the URL with its ticket.
 */
export function sdkLogger(
  logger: Logger,
  onTrace: (text: string) => void = () => {},
): Record<'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace', (...words: Words) => void> {
  const text = (words: Words): string => words.flat().map(describe).join(' ')
  return {
    fatal: (...words) => logger.warn(text(words)),
    error: (...words) => logger.warn(text(words)),
    warn: (...words) => logger.info(text(words)),
    info: (...words) => logger.debug(text(words)),
    debug: () => {},
    trace: (...words) => onTrace(text(words)),
  }
}

/** Text of one word. Of an error only its message: errors of the SDK can hold the whole request. */
function describe(word: unknown): string {
  if (word instanceof Error) return word.message
  return typeof word === 'string' || typeof word === 'number' ? `${word}` : `[${typeof word}]`
}
