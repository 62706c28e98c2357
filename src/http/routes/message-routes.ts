import { z } from '@hono/zod-openapi'
import type { MessageSummary } from '../../protocol/model/message-log.ts'
import type { Principal } from '../../protocol/model/access.ts'
import { type Api, body, define, json, pageOf, pageQuery, problem, rangeOf } from '../api/api.ts'
import type { RouteDeps } from '../api/app-view.ts'
import { instant, instantOf, iso } from '../schema/instant.ts'
import { actorOf, botIdsOf } from '../api/principal.ts'
import { RequestRefused } from '../api/problem.ts'

const error = z.object({
  code: z.string(),
  message: z.string(),
  retryable: z.boolean(),
  stack: z.string().optional().openapi({ description: 'Only where a thread died: its frames, one per line.' }),
})

const messageSchema = z
  .object({
    eventId: z.number(),
    botId: z.string(),
    lane: z.string(),
    type: z.string(),
    feishuEventId: z.string(),
    state: z.enum(['available', 'executing', 'completed', 'dead']),
    attempt: z.number(),
    deaths: z.number().openapi({
      description:
        'How many deaths of a process it was claimed through. They count no attempt; from 2 on it runs alone in a process.',
    }),
    createdAt: instant.openapi({ description: 'When Feishu says it happened.' }),
    receivedAt: instant.optional().openapi({ description: 'When it reached this process.' }),
    persistedAt: instant.openapi({ description: 'When it was stored.' }),
    ackedAt: instant.optional().openapi({
      description: 'When its acknowledgement was let go; known once it was handled for the first time.',
    }),
    claimedAt: instant.optional(),
    finishedAt: instant.optional(),
    reason: z.string().optional(),
    error: error.optional(),
  })
  .openapi('Message')

const detailSchema = messageSchema
  .extend({
    payload: z.string(),
    replies: z.array(
      z.object({
        part: z.number(),
        msgType: z.string(),
        content: z.string(),
        state: z.enum(['pending', 'sent', 'dead']),
        attempt: z.number(),
        sentAt: instant.optional(),
        messageId: z.string().optional(),
        reason: z.string().optional(),
        error: error.optional(),
        logId: z.string().optional(),
      }),
    ),
  })
  .openapi('MessageDetail')

const letterSchema = z
  .object({
    kind: z.enum(['event', 'reply']),
    eventId: z.number(),
    part: z.number().optional(),
    botId: z.string(),
    lane: z.string(),
    type: z.string(),
    dedupeKey: z.string(),
    payload: z.string(),
    attempt: z.number(),
    reason: z.string(),
    error: error.optional(),
    logId: z.string().optional(),
    endedAt: instant,
  })
  .openapi('DeadLetter')

const eventId = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER)
const botId = z.string().optional().openapi({ description: 'Only of this bot.' })

const listMessages = define('read', {
  method: 'get',
  path: '/api/feishu/messages',
  summary: 'Stored events, newest first',
  request: { query: z.strictObject({ ...pageQuery, botId, state: messageSchema.shape.state.optional() }) },
  responses: { 200: json(pageOf(messageSchema), 'A page of them.') },
})

const getMessage = define('read', {
  method: 'get',
  path: '/api/feishu/messages/{eventId}',
  summary: 'One event with its payload, its times and its replies',
  request: { params: z.object({ eventId }) },
  responses: { 200: json(detailSchema, 'The event.'), 404: problem('There is none, or its bot is not yours.') },
})

const listDeadLetters = define('read', {
  method: 'get',
  path: '/api/feishu/dead-letters',
  summary: 'What was given up, newest first',
  request: { query: z.strictObject({ ...pageQuery, botId }) },
  responses: { 200: json(pageOf(letterSchema), 'A page of them.') },
})

const resubmit = define('write', {
  method: 'post',
  path: '/api/feishu/dead-letters/{eventId}/resubmit',
  summary: 'Run an event again, or with `part` send one reply of it again',
  request: { params: z.object({ eventId }), ...body(z.strictObject({ part: z.int().min(0).optional() })) },
  responses: {
    200: json(z.object({ success: z.literal(true), eventId: z.number() }), 'It is put back.'),
    404: problem('There is no such dead letter, or its bot is not yours.'),
  },
})

export function addMessageRoutes(api: Api, { view }: RouteDeps): void {
  /** Ids of one bot or of all bots that the caller may see. */
  const botIds = async (principal: Principal, only: string | undefined): Promise<readonly string[] | null> => {
    const mine = botIdsOf(principal, await view.status())
    if (only === undefined) return mine
    return mine === null || mine.includes(only) ? [only] : []
  }
  const isMine = async (principal: Principal, id: string): Promise<boolean> =>
    (await botIds(principal, id))?.includes(id) === true

  api.openapi(listMessages, async (c) => {
    const { botId: only, state, ...paging } = c.req.valid('query')
    const ids = await botIds(c.get('principal'), only)
    const { items, total } = await view.listMessages({ botIds: ids, state, ...rangeOf(paging) })
    return c.json({ items: items.map(messageView), ...paging, total }, 200)
  })

  api.openapi(getMessage, async (c) => {
    const message = await view.getMessage(c.req.valid('param').eventId)
    if (message === null || !(await isMine(c.get('principal'), message.botId)))
      throw new RequestRefused(404, 'Message not found')
    const { payload, replies } = message
    return c.json(
      {
        ...messageView(message),
        payload,
        replies: replies.map(({ sentAt, ...reply }) => ({ ...reply, ...instantOf('sentAt', sentAt) })),
      },
      200,
    )
  })

  api.openapi(listDeadLetters, async (c) => {
    const { botId: only, ...paging } = c.req.valid('query')
    const ids = await botIds(c.get('principal'), only)
    const { items, total } = await view.listDeadLetters({ botIds: ids, ...rangeOf(paging) })
    const letters = items.map((letter) => ({ ...letter, endedAt: iso(letter.endedAt) }))
    return c.json({ items: letters, ...paging, total }, 200)
  })

  api.openapi(resubmit, async (c) => {
    const { eventId: id } = c.req.valid('param')
    const { part } = c.req.valid('json')
    const message = await view.getMessage(id)
    if (message === null || !(await isMine(c.get('principal'), message.botId)))
      throw new RequestRefused(404, 'Dead letter not found')
    await view.resubmit({ eventId: id, ...(part === undefined ? {} : { part }) }, { by: actorOf(c.get('principal')) })
    return c.json({ success: true as const, eventId: id }, 200)
  })
}

function messageView(message: MessageSummary): z.infer<typeof messageSchema> {
  const { eventId: id, botId: bot, lane, type, feishuEventId, state, attempt, deaths } = message
  const { reason, error: failure } = message
  return {
    eventId: id,
    botId: bot,
    lane,
    type,
    feishuEventId,
    state,
    attempt,
    deaths,
    createdAt: iso(message.createdAt),
    ...instantOf('receivedAt', message.receivedAt),
    persistedAt: iso(message.persistedAt),
    ...instantOf('ackedAt', message.ackedAt),
    ...instantOf('claimedAt', message.claimedAt),
    ...instantOf('finishedAt', message.finishedAt),
    ...(reason === undefined ? {} : { reason }),
    ...(failure === undefined ? {} : { error: failure }),
  }
}
