import type { ErrorRecord } from '../core/errors.ts'
import type { FeishuEvent, OutgoingReply } from './model/message.ts'

/**
 * The data wire: one MessagePort per bot worker, volume traffic both ways, correlated by integer
 * ids that are unique per direction and incarnation.
 *
 * Every frame carries the worker's incarnation; the receiver drops frames of another one.
 */
export type DataUp = { readonly acks?: readonly Ack[] } & (
  | { readonly kind: 'deliver'; readonly incarnation: number; readonly id: number; readonly event: FeishuEvent }
  | { readonly kind: 'sent'; readonly incarnation: number; readonly id: number; readonly messageId: string }
  | { readonly kind: 'failed'; readonly incarnation: number; readonly id: number; readonly failure: SendFailure }
  | { readonly kind: 'called'; readonly incarnation: number; readonly id: number; readonly outcome: CardOutcome }
)

/** A `deliver` that was acknowledged, and when, milliseconds since the epoch; tells it with whatever frame comes next. */
export interface Ack {
  readonly id: number
  readonly at: number
}

/** A change of a card or of a message that is shown. `sequence` grows with every change of one card. */
export type CardCall =
  /** Makes a card that nobody sees yet; answers its id. */
  | { readonly kind: 'create'; readonly card: string }
  /** New text of an element while the card streams. */
  | {
      readonly kind: 'write'
      readonly cardId: string
      readonly elementId: string
      readonly text: string
      readonly sequence: number
    }
  | { readonly kind: 'replace'; readonly cardId: string; readonly card: string; readonly sequence: number }
  /** Ends the streaming, whatever the card shows. */
  | { readonly kind: 'close'; readonly cardId: string; readonly sequence: number }
  /** New content of a card message that is not kept as a card. */
  | { readonly kind: 'edit'; readonly messageId: string; readonly content: string }
  /** Whether the app may edit messages: asked with a message of a user, which it may not. */
  | { readonly kind: 'may_edit'; readonly messageId: string }

export type CardOutcome =
  /** `id` of what was made. */
  { readonly kind: 'done'; readonly id?: string } | { readonly kind: 'failed'; readonly failure: SendFailure }

export type DataDown =
  /** `response`: what Feishu gets with the acknowledgement of a callback; plain JSON. */
  | { readonly kind: 'accepted'; readonly incarnation: number; readonly id: number; readonly response?: unknown }
  | { readonly kind: 'refused'; readonly incarnation: number; readonly id: number; readonly error: ErrorRecord }
  | { readonly kind: 'send'; readonly incarnation: number; readonly id: number; readonly reply: ReplyToSend }
  | { readonly kind: 'call'; readonly incarnation: number; readonly id: number; readonly call: CardCall }

/** A reply with what its sender has to know of its past. */
export interface ReplyToSend extends OutgoingReply {
  /** An earlier attempt may have been carried out. Default false. */
  readonly mayBeShown?: boolean
}

/** An upload may take so much longer than any other call. */
export const UPLOAD_TIMEOUT_MS = 40_000

/** What became of a reply; a failure is a value, because the caller decides by it. */
export type SendOutcome =
  | { readonly kind: 'sent'; readonly messageId: string }
  | { readonly kind: 'failed'; readonly failure: SendFailure }

/** Why a reply did not go out, and what to do with it. */
export interface SendFailure {
  readonly error: ErrorRecord
  /**
   * Nothing was shown: Feishu said so, or was never asked. Otherwise the outcome is unknown: no answer,
   * a worker that ended meanwhile, or an answer that leaves it open.
   */
  readonly isRefused: boolean
  /** Whose frequency limit was hit, if any: all sends of the bot, or of all bots to the chat. */
  readonly limitOf?: 'bot' | 'chat'
  /** At least this long before the next try; absent when the caller's own backoff decides. */
  readonly retryAfterMs?: number
  /** Feishu's log id, for its support. */
  readonly logId?: string
}
