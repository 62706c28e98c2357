import type { Logger } from '../../../src/core/log/logger.ts'

/** The SDK's LoggerProxy hands its words over as one array argument. */
type Words = readonly unknown[]

/**
 * Takes the SDK's log lines: trace lines go to `onTrace` (they are the public hook for pings and
 * pongs), the rest to our logger one level lower, because what matters to an operator is reported
 * by the connection itself. Debug lines are dropped: they print the URL with its ticket and payloads.
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

/** Errors of the SDK can hold the whole request; only their message is kept. */
function describe(word: unknown): string {
  if (word instanceof Error) return word.message
  return typeof word === 'string' || typeof word === 'number' ? `${word}` : `[${typeof word}]`
}
