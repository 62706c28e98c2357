import type { StreamProgress } from '../../store/store.ts'

/** What brings a streamed answer closer to what its reader should see. */
export type StreamStep =
  /** Of the card that streams: made, then sent, then changed. */
  | 'make_card'
  | 'show_card'
  | 'write_card'
  /** Without such cards: an ordinary message, and edits of it. */
  | 'show_message'
  | 'edit_message'
  /** Nothing, until there is news or the answer is complete. */
  | 'wait'

/** Pure: decides by what is stored, so that whoever goes on after a crash does what was due. */
export function stepStream({ fallback, cardId, messageId }: StreamProgress, hasNews: boolean): StreamStep {
  if (fallback === 0) {
    if (cardId === undefined) return 'make_card'
    if (messageId === undefined) return 'show_card'
    return hasNews ? 'write_card' : 'wait'
  }
  if (fallback > 1) return 'wait'
  if (messageId === undefined) return 'show_message'
  return hasNews ? 'edit_message' : 'wait'
}
