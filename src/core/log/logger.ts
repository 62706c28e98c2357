import { redact, redactText } from './redact.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** One log line as plain data. Credentials are already hidden. */
export interface LogRecord {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly level: LogLevel
  /** The part that logs, e.g. `supervisor` or `bot/bot_ab12`. */
  readonly scope: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

type Write = (message: string, fields?: Record<string, unknown>) => void

export interface Logger extends Record<LogLevel, Write> {
  /** Logger of a sub-part: scope `bot` becomes `bot/<name>`. */
  child(name: string): Logger
}

/** The library never prints: `write` decides where records go. */
export function createLogger(scope: string, write: (record: LogRecord) => void): Logger {
  const at =
    (level: LogLevel): Write =>
    (message, fields = {}) =>
      write({
        at: Date.now(),
        level,
        scope,
        message: redactText(message),
        fields: redact(fields) as Record<string, unknown>,
      })
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (name) => createLogger(`${scope}/${name}`, write),
  }
}
