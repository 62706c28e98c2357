import type { UploadRef } from '../protocol/model/message.ts'
import type { Fence } from './inbox-store.ts'

/** What replies need beside their rows. Each call may be repeated. */
export interface ReplyStore {
  /** Keeps the bytes of an upload until no reply of the event needs them. False where the fence does not hold. */
  putUpload(eventId: number, fence: Fence, upload: UploadRef, bytes: Uint8Array): Promise<boolean>
  /** Null when they are not there, or not all. */
  upload(eventId: number, upload: UploadRef): Promise<Uint8Array | null>
  /** Deletes those that no unsent reply shows, of an event that is completed: it never runs again, so it needs no fence. */
  dropUploads(eventId: number): Promise<void>
  /**
   * How far a streamed answer is, after what the caller learned of it; it is begun with the first call. Null where the
   * fence does not hold: another claim goes on with the answer, and nothing was learned.
   */
  stream(eventId: number, fence: Fence, stream: number, learned?: StreamLearned): Promise<StreamProgress | null>
  /**
   * The cards of an event that nobody goes on with: those that may be visible, except for these streams. Each with the
   * sequence for its last change. None unless the event ended by this claim.
   */
  closeStreams(eventId: number, fence: Fence, except: readonly number[]): Promise<readonly ClosingCard[]>
}

export interface ClosingCard {
  readonly cardId: string
  readonly sequence: number
}

/** What is known of a streamed answer; only ever more. */
export interface StreamProgress {
  readonly stream: number
  /** What Feishu did not let us do: 0 nothing, 1 streamed cards, 2 edits of a message either. */
  readonly fallback: number
  readonly cardId?: string
  /** Of the message that shows it. */
  readonly messageId?: string
  /** Milliseconds since that message was sent first, whatever became of it. */
  readonly sendingMs?: number
  /** No change of the card so far had a larger one. */
  readonly sequence: number
}

export interface StreamLearned {
  readonly fallback?: number
  readonly cardId?: string
  readonly messageId?: string
  /** The message is about to be sent. */
  readonly isSending?: boolean
  /** So many changes are about to be made: their sequences are the last ones up to the answered `sequence`. */
  readonly changes?: number
}
