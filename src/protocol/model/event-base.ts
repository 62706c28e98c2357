/**
 * Base of the events for handlers: one type per kind of event. Every kind has the ids that identify the event. `raw` is
 * Feishu's own event, for fields that are not read here.
 */
export interface EventBase {
  readonly botId: string
  /** Feishu's id of the event. Empty if Feishu gave none. */
  readonly eventId: string
  /** When the event happened, milliseconds since the epoch. The time of arrival if Feishu does not say it. */
  readonly createdAt: number
  /** The `event` object as Feishu sent it. */
  readonly raw: Readonly<Record<string, unknown>>
}
