import { Hono } from 'hono'
import { type ApiDeps, callApiWithBody } from './api-call.ts'
import type { ApiResult, CallBody } from '../shared/api-result.ts'
import {
  addElements,
  batch,
  type CardChange,
  deleteElement,
  mergeElement,
  mergeSettings,
  replaceCard,
  replaceElement,
  streamText,
} from '../cards/card-change.ts'
import type { CardStore } from '../cards/card-store.ts'
import type { PlatformContext, PlatformEnv } from '../http/http-answer.ts'
import type { ChatStore } from '../messages/chat-store.ts'

export interface CardRouteDeps extends ApiDeps {
  readonly chats: ChatStore
  readonly cards: CardStore
}

/** Routes below cardkit/v1. [D, S] */
export function cardRoutes(deps: CardRouteDeps): Hono<PlatformEnv> {
  const { chats, cards } = deps
  const call = (c: PlatformContext, run: (appId: string, body: CallBody) => ApiResult<object>): Promise<Response> =>
    callApiWithBody(c, deps, (body) => ({ name: 'card', run: (appId) => run(appId, body) }))
  const change = (c: PlatformContext, toChange: (body: CallBody, elementId: string) => CardChange): Promise<Response> =>
    call(c, (appId, body) =>
      cards.operate(appId, c.req.param('id') ?? '', body, toChange(body, c.req.param('element') ?? '')),
    )
  return new Hono<PlatformEnv>()
    .post('/cards', (c) => call(c, (appId, body) => cards.create(appId, body)))
    .post('/cards/id_convert', (c) =>
      call(c, (appId, { message_id: id }) => cards.cardOf(appId, chats.messageOf(appId, String(id)))),
    )
    .put('/cards/:id', (c) => change(c, ({ card }) => replaceCard((card as { data?: unknown } | undefined)?.data)))
    .patch('/cards/:id/settings', (c) => change(c, ({ settings }) => mergeSettings(settings)))
    .post('/cards/:id/batch_update', (c) => change(c, ({ actions }) => batch(actions)))
    .post('/cards/:id/elements', (c) => change(c, (body) => addElements(body)))
    .put('/cards/:id/elements/:element', (c) => change(c, (body, id) => replaceElement(id, body['element'])))
    .patch('/cards/:id/elements/:element', (c) => change(c, (body, id) => mergeElement(id, body['partial_element'])))
    .delete('/cards/:id/elements/:element', (c) => change(c, (_body, id) => deleteElement(id)))
    .put('/cards/:id/elements/:element/content', (c) =>
      call(c, (appId, body) =>
        cards.stream(appId, c.req.param('id'), body, streamText(c.req.param('element'), body['content'])),
      ),
    )
}
