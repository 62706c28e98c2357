import type { InboundMessage } from '../protocol/message.ts'

/** What a handler can do besides reading its message. */
export interface ChatContext {
  /**
   * Answers the message with a text. Resolves at once: replies are kept until the handler ends, become
   * durable together with its completion, and go out in order. A handler that fails sends none.
   * Rejects for anything but a text, and after the handler has ended.
   */
  reply(text: string): Promise<void>
  /** 1 for the first run of this message. */
  readonly attempt: number
  /** Aborted shortly before the time limit, after which the thread is stopped. */
  readonly signal: AbortSignal
}

/** Handles one chat message; messages of one chat come one at a time and in order. */
export type ChatHandler = (message: InboundMessage, ctx: ChatContext) => void | Promise<void>

/** Gives a handler module its types: `export default defineHandler(async (message, ctx) => { ... })`. */
export function defineHandler(handler: ChatHandler): ChatHandler {
  return handler
}
