import { TENANT_KEY } from '../shared/app-directory.ts'
import { newId } from '../shared/ids.ts'

/** An event for an app. */
export interface PlatformEvent {
  readonly appId: string
  readonly eventId: string
  readonly type: string
  /** The user's message of the event. Empty for an event without a message. */
  readonly messageId: string
  /** Milliseconds as text; microseconds for some types. [F] */
  readonly createTime: string
  readonly event: object
  /** Version of the envelope: `2.0`, or `1.0` for older event types. [D] */
  readonly schema: '1.0' | '2.0'
}

interface Extras {
  readonly eventId?: string
  readonly messageId?: string
  readonly schema?: '1.0' | '2.0'
}

export function platformEvent(
  appId: string,
  type: string,
  createTime: string,
  event: object,
  { eventId = newId(), messageId = '', schema = '2.0' }: Extras = {},
): PlatformEvent {
  return { appId, eventId, type, messageId, createTime, event, schema }
}

/** JSON text of an event, the same for both ways of delivery. [D] The token is the app's Verification Token. */
export function toPayload(event: PlatformEvent, token: string): Uint8Array {
  return Buffer.from(JSON.stringify(event.schema === '2.0' ? toEnvelope2(event, token) : toEnvelope1(event, token)))
}

function toEnvelope2({ appId, eventId, type, createTime, event }: PlatformEvent, token: string): object {
  const header = {
    event_id: eventId,
    event_type: type,
    create_time: createTime,
    token,
    app_id: appId,
    tenant_key: TENANT_KEY,
  }
  return { schema: '2.0', header, event }
}

function toEnvelope1({ appId, eventId, type, createTime, event }: PlatformEvent, token: string): object {
  return {
    ts: (Number(createTime) / 1000).toFixed(7),
    uuid: eventId,
    token,
    type: 'event_callback',
    event: { type, app_id: appId, tenant_key: TENANT_KEY, ...event },
  }
}
