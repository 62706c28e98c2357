import { TENANT_KEY } from './app-directory.ts'
import { newId } from './ids.ts'

/** An event on its way to the app. */
export interface PlatformEvent {
  readonly appId: string
  readonly eventId: string
  readonly type: string
  /** The user's message that the event brings; empty for an event that brings none. */
  readonly messageId: string
  /** The JSON text, the same in every attempt. */
  readonly payload: Uint8Array
}

/** An envelope of schema 2.0. [D] */
export function platformEvent(
  appId: string,
  type: string,
  createTime: string,
  event: object,
  { eventId = newId(), messageId = '' }: { readonly eventId?: string; readonly messageId?: string } = {},
): PlatformEvent {
  const header = {
    event_id: eventId,
    event_type: type,
    create_time: createTime,
    token: '',
    app_id: appId,
    tenant_key: TENANT_KEY,
  }
  const payload = Buffer.from(JSON.stringify({ schema: '2.0', header, event }))
  return { appId, eventId, type, messageId, payload }
}
