import { createHash } from 'node:crypto'

/**
 * The uuid under which Feishu shows a reply at most once: 43 characters of the allowed 50.
 *
 * Made from what identifies the event outside any database. So it is the same on every retry, after
 * a crash between sending and writing it down included, and differs where row ids would repeat: two
 * databases both start at 1, and Feishu would silently drop the second database's first reply.
 */
export function replyUuid(botId: string, dedupeKey: string, part: number | string): string {
  // JSON keeps the parts apart: ("a", "bc") and ("ab", "c") must not meet.
  return createHash('sha256')
    .update(JSON.stringify([botId, dedupeKey, part]))
    .digest('base64url')
}

/** The same for a streamed answer, which is shown before it is known which part it is. */
export function streamUuid(botId: string, dedupeKey: string, stream: number): string {
  return replyUuid(botId, dedupeKey, `stream ${stream}`)
}
