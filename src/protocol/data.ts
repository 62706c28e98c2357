import type { ErrorRecord } from '../core/errors.ts'
import type { FeishuEvent, OutgoingReply } from './model/message.ts'

/**
 * The data channel: one MessagePort per bot worker for bulk traffic in both directions. Integer ids connect answers to
 * requests; an id is unique per direction and incarnation.
 *
 * Every frame carries the worker's incarnation. The receiver drops frames of another incarnation.
 */
export type DataUp = { readonly acks?: readonly Ack[] } & (
  | { readonly kind: 'deliver'; readonly incarnation: number; readonly id: number; readonly event: FeishuEvent }
  | { readonly kind: 'sent'; readonly incarnation: number; readonly id: number; readonly messageId: string }
  | { readonly kind: 'failed'; readonly incarnation: number; readonly id: number; readonly failure: SendFailure }
  | { readonly kind: 'called'; readonly incarnation: number; readonly id: number; readonly outcome: CardOutcome }
)

/** An acknowledged `deliver`, and when it was acknowledged, milliseconds since the epoch. Sent with the next frame of any kind. */
export interface Ack {
  readonly id: number
  readonly at: number
}

/** A change of a card or of a shown message. `sequence` grows with every change of one card. */
export type CardCall =
  /** Creates a card that is not shown yet. The answer is its id. */
  | { readonly kind: 'create'; readonly card: string }
  /** Sets the text of an element while the card streams. */
  | {
      readonly kind: 'write'
      readonly cardId: string
      readonly elementId: string
      readonly text: string
      readonly sequence: number
    }
  | { readonly kind: 'replace'; readonly cardId: string; readonly card: string; readonly sequence: number }
  /** Ends the streaming. The card keeps its content. */
  | { readonly kind: 'close'; readonly cardId: string; readonly sequence: number }
  /** Replaces the content of a card message that has no card entity. */
  | { readonly kind: 'edit'; readonly messageId: string; readonly content: string }
  /** Checks whether the app may edit messages. The call names a user's message, which the app cannot edit. */
  | { readonly kind: 'may_edit'; readonly messageId: string }

export type CardOutcome =
  /** `id` of the created card. */
  { readonly kind: 'done'; readonly id?: string } | { readonly kind: 'failed'; readonly failure: SendFailure }

export type DataDown =
  /** `response`: answer to a callback, sent with the acknowledgement. Plain JSON. */
  | { readonly kind: 'accepted'; readonly incarnation: number; readonly id: number; readonly response?: unknown }
  | { readonly kind: 'refused'; readonly incarnation: number; readonly id: number; readonly error: ErrorRecord }
  | { readonly kind: 'send'; readonly incarnation: number; readonly id: number; readonly reply: ReplyToSend }
  | { readonly kind: 'call'; readonly incarnation: number; readonly id: number; readonly call: CardCall }

/** A reply with its history, for the sender. */
export interface ReplyToSend extends OutgoingReply {
  /** An earlier attempt may have succeeded. Default false. */
  readonly mayBeShown?: boolean
}

/** Limit of one upload call. Longer than the limit of other calls. */
export const UPLOAD_TIMEOUT_MS = 40_000

/** Outcome of sending a reply. A failure is a value, because the caller decides by it. */
export type SendOutcome =
  | { readonly kind: 'sent'; readonly messageId: string }
  | { readonly kind: 'failed'; readonly failure: SendFailure }

/** Why a reply was not sent, and how to go on. */
export interface SendFailure {
  readonly error: ErrorRecord
  /**
   * True: the reply was not shown; Feishu refused it or was never asked. False: the outcome is unknown, because there
   * was no answer, the worker ended meanwhile, or the answer leaves it open.
   */
  readonly isRefused: boolean
  /** Frequency limit that was exceeded, if any: of all sends of the bot, or of all bots to the chat. */
  readonly limitOf?: 'bot' | 'chat'
  /** Shortest wait before the next try, milliseconds. Absent if the caller's own backoff decides. */
  readonly retryAfterMs?: number
  /** Feishu's log id, for Feishu's support. */
  readonly logId?: string
}
