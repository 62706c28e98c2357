import type { UploadRef } from '../protocol/model/message.ts'

/** What replies need beside their rows. Each call may be repeated. */
export interface ReplyStore {
  /** Keeps the bytes of an upload until no reply of the event needs them. */
  putUpload(eventId: number, upload: UploadRef, bytes: Uint8Array): Promise<void>
  /** Null when they are not there, or not all. */
  upload(eventId: number, upload: UploadRef): Promise<Uint8Array | null>
  /** Deletes those of the event that no unsent reply shows. */
  dropUploads(eventId: number): Promise<void>
  /** How far a streamed answer is, after what the caller learned of it; it is begun with the first call. */
  stream(eventId: number, stream: number, learned?: StreamLearned): Promise<StreamProgress>
  /** All of an event. */
  streams(eventId: number): Promise<readonly StreamProgress[]>
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
