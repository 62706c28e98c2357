import type { BotReport } from './status.ts'

/** The four words of the status API and of the column `ws_connection_state`. */
export type ConnectionWord = 'disconnected' | 'connecting' | 'connected' | 'error'

/** Maps the two lifecycles to the four words; no other code does. `fastAttempts` failures in a row count as an error. */
export function connectionWord({ child, connection, connects }: BotReport, fastAttempts: number): ConnectionWord {
  if (child.state === 'failed') return 'error'
  if (child.state === 'stopped' || child.state === 'stopping') return 'disconnected'
  if (connection.state === 'connected') return 'connected'
  if (!connects) return 'disconnected'
  if (connection.state === 'failed' || connection.trouble?.kind === 'limit') return 'error'
  if (connection.attempt >= fastAttempts) return 'error'
  return 'connecting'
}
