import { createHash } from 'node:crypto'
import type { CardResponse } from '../protocol/model/inbound-event.ts'
import { CARD_ACTION_TYPE } from '../protocol/model/inbound-event.ts'

/**
 * Converts a card action of the older "card request URL" to the shape of `card.action.trigger`, which has its ids in
 * other places. The action has no id and is never redelivered, so its id is the hash of its bytes. Returns undefined
 * for any other body.
 */
export function fromLegacyCard(
  body: Readonly<Record<string, unknown>>,
  { bytes, appId, timestamp }: { readonly bytes: Uint8Array; readonly appId: string; readonly timestamp: string },
): object | undefined {
  const { action, open_id: openId, open_message_id: messageId } = body
  if (typeof action !== 'object' || action === null || typeof openId !== 'string') return undefined
  if (typeof messageId !== 'string') return undefined
  const header = {
    event_id: `card_${createHash('sha256').update(bytes).digest('hex')}`,
    event_type: CARD_ACTION_TYPE,
    create_time: `${timestamp}000`,
    app_id: appId,
  }
  return { schema: '2.0', header, event: body }
}

/** The older answer is the new card itself or an empty object. It has no toast and no template. */
export function toLegacyAnswer(response: CardResponse | undefined): object {
  const card = response?.card
  return card?.type === 'raw' ? card.data : {}
}
