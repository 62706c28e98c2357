import type { UploadRef } from '../protocol/model/message.ts'
import type { Fence } from './inbox-store.ts'

/** Stores uploads and streamed answers of replies. Each call may be repeated. */
export interface ReplyStore {
  /** Keeps the bytes of an upload until no reply of the event needs them. False when the fence does not hold. */
  putUpload(eventId: number, fence: Fence, upload: UploadRef, bytes: Uint8Array): Promise<boolean>
  /** Reads the bytes of an upload. Null when any of them are missing. */
  upload(eventId: number, upload: UploadRef): Promise<Uint8Array | null>
  /**
   * Deletes the uploads of a completed event that no unsent reply shows. The event never runs again, so no fence is
   * needed.
   */
  dropUploads(eventId: number): Promise<void>
  /**
   * Stores what the caller learned of a streamed answer and returns its progress. The first call creates it. Null when
   * the fence does not hold: another claim has the answer, and nothing was stored.
   */
  stream(eventId: number, fence: Fence, stream: number, learned?: StreamLearned): Promise<StreamProgress | null>
  /**
   * Returns the cards of an ended event that may be visible, without the streams in `except`. Each card comes with the
   * sequence for its last change. Returns no cards unless this claim ended the event.
   */
  closeStreams(eventId: number, fence: Fence, except: readonly number[]): Promise<readonly ClosingCard[]>
}

export interface ClosingCard {
  readonly cardId: string
  readonly sequence: number
}

/** Known facts of a streamed answer. Facts are added and never removed. */
export interface StreamProgress {
  readonly stream: number
  /** What Feishu refused. 0: nothing. 1: streamed cards. 2: edits of a message too. */
  readonly fallback: number
  readonly cardId?: string
  /** Id of the message that shows the answer. */
  readonly messageId?: string
  /** Milliseconds since that message was first sent, even if the outcome of the send is unknown. */
  readonly sendingMs?: number
  /** Largest sequence that a change of the card may have used so far. */
  readonly sequence: number
}

export interface StreamLearned {
  readonly fallback?: number
  readonly cardId?: string
  readonly messageId?: string
  /** True when the message is about to be sent. */
  readonly isSending?: boolean
  /** Number of changes that are about to be made. Their sequences are the last ones up to the returned `sequence`. */
  readonly changes?: number
}
