import { streamSSE } from 'hono/streaming'
import type { Principal } from '../../protocol/model/access.ts'
import { type Api, define } from '../api/api.ts'
import type { RouteDeps } from '../api/app-view.ts'
import { botView } from '../schema/bot-view.ts'
import { EventHub, type HubEvent } from './event-hub.ts'
import { mayUse } from '../api/principal.ts'
import { RequestRefused } from '../api/problem.ts'

/** Longest time between two writes to a stream, milliseconds. A stream without events sends a pulse. */
const PULSE_MS = 15_000

const MAX_STREAMS = 100

const events = define('read', {
  method: 'get',
  path: '/api/feishu/events',
  summary:
    'What happens, as server-sent events: `bot`, `restart`, `alert`, `message`, `store`; `missed` when some are lost',
  description: 'A client that comes back with `Last-Event-ID` gets what it missed, as far as it is kept.',
  responses: { 200: { description: 'The stream.', content: { 'text/event-stream': { schema: {} } } } },
})

export function addEventRoutes(api: Api, { view, authenticate, fastAttempts }: RouteDeps): void {
  const hub = new EventHub(view, (named) => (named.kind === 'bot' ? botView(named.event, fastAttempts) : named.event))
  let streamCount = 0

  api.openapi(events, async (c) => {
    if (streamCount >= MAX_STREAMS) throw new RequestRefused(503, `${MAX_STREAMS} streams are open already`)
    const principal = c.get('principal')
    const lastId = c.req.header('last-event-id')
    const resumed = lastId === undefined ? hub.newest : hub.placeAfter(lastId)
    streamCount += 1
    return streamSSE(c, async (stream) => {
      let place = resumed ?? hub.newest
      let checkedAt = Date.now()
      stream.onAbort(() => hub.wakeAll())
      try {
        if (resumed === undefined) await stream.writeSSE({ event: 'missed', data: '{}' })
        // Sends a first byte, because some clients wait for it.
        else await stream.write(': open\n\n')
        while (!stream.aborted) {
          // The streams of a revoked or expired token end too.
          if (Date.now() - checkedAt >= PULSE_MS) {
            if ((await authenticate(c.req.raw, c.env)) === null) return
            checkedAt = Date.now()
          }
          const next = hub.after(place)
          if (next.missed) await stream.writeSSE({ event: 'missed', data: '{}' })
          for (const event of next.events) {
            place = event.sequence
            if (!mayHear(hub, principal, event)) continue
            await stream.writeSSE({ id: event.id, event: event.name, data: JSON.stringify(event.data) })
          }
          if (next.events.length > 0 || stream.aborted) continue
          await hub.wait(PULSE_MS)
          await stream.write(': pulse\n\n')
        }
      } finally {
        streamCount -= 1
      }
    })
  })
}

function mayHear(hub: EventHub, principal: Principal, { botId }: HubEvent): boolean {
  if (botId === undefined) return principal.role === 'admin'
  return mayUse(principal, { owner: hub.ownerOf(botId) ?? '' })
}
