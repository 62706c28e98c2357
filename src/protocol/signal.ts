import type { LogRecord } from '../core/log/logger.ts'
import type { ConnectionStatus } from './model/status.ts'

/**
 * One-way notices of a bot worker over parentPort. They need no answer, so they arrive even while a control call hangs.
 */
export type BotSignal =
  | { readonly kind: 'ready'; readonly incarnation: number }
  | { readonly kind: 'connection'; readonly incarnation: number; readonly status: ConnectionStatus }
  /** The bot's own open id. */
  | { readonly kind: 'identified'; readonly incarnation: number; readonly openId: string }
  | { readonly kind: 'log'; readonly incarnation: number; readonly record: LogRecord }
