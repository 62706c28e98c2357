/**
 * What a handler gets: one type per kind of event, in our own words. Every kind has the ids that
 * identify it and, in `raw`, Feishu's own event for what is not read here.
 */
export interface EventBase {
  readonly botId: string
  /** Feishu's id of the event; empty if it gave none. */
  readonly eventId: string
  /** When Feishu says it happened, milliseconds since the epoch; the time of arrival if it does not say. */
  readonly createdAt: number
  /** The `event` object as Feishu sent it. */
  readonly raw: Readonly<Record<string, unknown>>
}
