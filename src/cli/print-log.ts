import pino from 'pino'
import type { LogLevel, LogRecord } from '../core/log/logger.ts'

export interface LogSettings {
  /** Lowest level that is printed. */
  readonly level: LogLevel | 'silent'
  /** `json`: one pino line per record; `text`: for reading. */
  readonly format: 'json' | 'text'
}

const RANKS = ['debug', 'info', 'warn', 'error', 'silent'] as const

/** Target of text, such as a stream. */
export interface Output {
  write(text: string): unknown
}

/** Creates a printer of log records. Secrets are hidden in the record already. Control characters cannot forge lines in either format. */
export function logPrinter({ level, format }: LogSettings, output: Output): (record: LogRecord) => void {
  const print = format === 'json' ? jsonPrinter(output) : textPrinter(output)
  return (record) => {
    if (RANKS.indexOf(record.level) >= RANKS.indexOf(level)) print(record)
  }
}

function jsonPrinter(out: Output): (record: LogRecord) => void {
  const log = pino({ level: 'debug', timestamp: false }, out)
  return ({ at, level, scope, message, fields }) => {
    const [, botId] = /^bot\/([^/]+)/.exec(scope) ?? []
    log[level]({ time: at, scope, ...(botId === undefined ? {} : { botId }), ...fields }, message)
  }
}

function textPrinter(out: Output): (record: LogRecord) => void {
  return ({ at, level, scope, message, fields }) => {
    const details = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`
    const line = `${new Date(at).toISOString()} ${level.padEnd(5)} ${scope}: ${message}${details}`
    // oxlint-disable-next-line no-control-regex
    out.write(`${line.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ')}\n`)
  }
}
