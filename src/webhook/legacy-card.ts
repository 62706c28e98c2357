import { createHash } from 'node:crypto'
import type { CardResponse } from '../protocol/model/inbound-event.ts'
import { CARD_ACTION_TYPE } from '../protocol/model/inbound-event.ts'

/**
 * A press on a card as the older "card request URL" posts it, in the shape of `card.action.trigger`, which differs in
 * where its ids are. It has no id of its own and is never pushed again: its bytes name it. Undefined for anything else.
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

/** The older answer is the new card itself, or nothing: it knows no toast and no template. */
export function toLegacyAnswer(response: CardResponse | undefined): object {
  const card = response?.card
  return card?.type === 'raw' ? card.data : {}
}
