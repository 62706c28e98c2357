import type { LogRecord } from '../core/logger.ts'

/** One line per record on standard error, so that standard output stays for results. Control characters cannot forge lines. */
export function printLog({ at, level, scope, message, fields }: LogRecord): void {
  if (level === 'debug') return
  const details = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`
  const line = `${new Date(at).toISOString()} ${level.padEnd(5)} ${scope}: ${message}${details}`
  // oxlint-disable-next-line no-control-regex
  process.stderr.write(`${line.replaceAll(/[\u0000-\u001f\u007f]/g, ' ')}\n`)
}
