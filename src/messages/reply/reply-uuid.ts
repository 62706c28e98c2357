import { createHash } from 'node:crypto'

/**
 * Makes the uuid under which Feishu shows a reply at most once: 43 characters of the allowed 50.
 *
 * The uuid is made from values that identify the event outside any database. So it is the same on every retry, even
 * after a crash between sending and storing the result. Row ids would repeat: two databases both start at 1, and
 * Feishu would silently drop the second database's first reply.
 */
export function replyUuid(botId: string, dedupeKey: string, part: number | string): string {
  // JSON keeps the parts apart: ("a", "bc") and ("ab", "c") must give different uuids.
  return createHash('sha256')
    .update(JSON.stringify([botId, dedupeKey, part]))
    .digest('base64url')
}

/**
 * Makes the uuid of a streamed answer. The answer is shown before its part number is known, so its stream number is
 * used.
 */
export function streamUuid(botId: string, dedupeKey: string, stream: number): string {
  return replyUuid(botId, dedupeKey, `stream ${stream}`)
}
