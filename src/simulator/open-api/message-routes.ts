import { Hono } from 'hono'
import { type ApiCall, type ApiDeps, callApi, callApiWithBody } from './api-call.ts'
import type { ApiResult, CallBody } from '../shared/api-result.ts'
import type { ApiCallName } from '../faults/fault.ts'
import type { FileStore, UploadForm } from '../messages/file-store.ts'
import type { PlatformContext, PlatformEnv } from '../http/http-answer.ts'
import type { ChatStore, PostResult } from '../messages/chat-store.ts'
import type { MessageEdits } from '../messages/message-edits.ts'
import { parseMultipart } from '../http/multipart.ts'
import type { Reactions } from '../messages/reactions.ts'
import { type StoredMessage, toMessageData } from '../shared/stored-message.ts'

export interface MessageRouteDeps extends ApiDeps {
  readonly chats: ChatStore
  readonly edits: MessageEdits
  readonly reactions: Reactions
  readonly files: FileStore
}

/** Routes below im/v1/messages, and uploads. [D] */
export function messageRoutes(deps: MessageRouteDeps): Hono<PlatformEnv> {
  const { chats, edits, reactions, files } = deps
  return new Hono<PlatformEnv>()
    .post('/messages', (c) =>
      callApiWithBody(c, deps, (body) =>
        posting(deps, 'create', body, undefined, (appId) => chats.create(appId, c.req.query('receive_id_type'), body)),
      ),
    )
    .post('/messages/:id/reply', (c) => {
      const id = c.req.param('id')
      return callApiWithBody(c, deps, (body) =>
        posting(deps, 'reply', body, id, (appId) => chats.reply(appId, id, body)),
      )
    })
    .put('/messages/:id', (c) =>
      callApiWithBody(c, deps, (body) => changing('edit', (appId) => edits.edit(appId, c.req.param('id'), body))),
    )
    .patch('/messages/:id', (c) =>
      callApiWithBody(c, deps, (body) =>
        changing(
          'patch',
          (appId) => edits.patch(appId, c.req.param('id'), body),
          () => ({ data: {} }),
        ),
      ),
    )
    .delete('/messages/:id', (c) =>
      callApi(
        c,
        deps,
        changing(
          'recall',
          (appId) => edits.recall(appId, c.req.param('id')),
          () => ({ data: {} }),
        ),
      ),
    )
    .get('/messages/:id', (c) =>
      callApi(
        c,
        deps,
        changing(
          'get',
          (appId) => edits.get(appId, c.req.param('id')),
          (message, appId) => ({
            data: { items: [toMessageData(appId, message)] },
          }),
        ),
      ),
    )
    .get('/messages/:id/resources/:key', (c) =>
      callApi(c, deps, {
        name: 'resource',
        run: (appId) => files.find(appId, c.req.param('id'), c.req.param('key'), c.req.query('type')),
        respond: (bytes) => c.body(Buffer.from(bytes), 200, { 'content-type': 'application/octet-stream' }),
      }),
    )
    .post('/messages/:id/reactions', (c) =>
      callApiWithBody(c, deps, (body) => ({
        name: 'reaction',
        run: (appId) => reactions.add(appId, c.req.param('id'), body),
      })),
    )
    .get('/messages/:id/reactions', (c) =>
      callApi(c, deps, {
        name: 'reaction',
        run: (appId) => reactions.list(appId, c.req.param('id'), c.req.query('reaction_type')),
      }),
    )
    .delete('/messages/:id/reactions/:reactionId', (c) =>
      callApi(c, deps, {
        name: 'reaction',
        run: (appId) => reactions.remove(appId, c.req.param('id'), c.req.param('reactionId')),
      }),
    )
    .post('/images', (c) => callApi(c, deps, { name: 'upload', run: async () => files.addImage(await formOf(c)) }))
    .post('/files', (c) => callApi(c, deps, { name: 'upload', run: async () => files.addFile(await formOf(c)) }))
}

async function formOf(c: PlatformContext): Promise<UploadForm> {
  return parseMultipart(c.req.header('content-type') ?? '', Buffer.from(await c.req.arrayBuffer()))
}

/** Runs a create or reply call and records it for the checker of the history. */
function posting(
  { chats, history }: MessageRouteDeps,
  call: 'create' | 'reply',
  { uuid }: CallBody,
  replyTo: string | undefined,
  run: (appId: string) => PostResult,
): ApiCall<{ readonly message: StoredMessage; readonly isRepeated: boolean }> {
  return {
    name: call,
    enter: (appId) => chats.holdUuid(appId, uuid),
    run,
    answer: ({ message }, appId) => ({ data: toMessageData(appId, message) }),
    record({ appId, code, data }) {
      history.append({
        kind: 'reply_received',
        call,
        ...(appId !== undefined && { appId }),
        ...(replyTo !== undefined && { replyTo }),
        ...(typeof uuid === 'string' && { uuid }),
        repeated: data?.isRepeated ?? false,
        code,
      })
      if (appId === undefined || data === undefined || data.isRepeated) return
      const { chatId, messageId, msgType, content } = data.message
      const about = replyTo === undefined ? {} : { replyTo }
      history.append({ kind: 'message_created', appId, chatId, messageId, ...about, msgType, content })
    },
  }
}

function changing(
  name: ApiCallName,
  run: (appId: string) => ApiResult<StoredMessage>,
  answer = (message: StoredMessage, appId: string): object => ({ data: toMessageData(appId, message) }),
): ApiCall<StoredMessage> {
  return { name, run, answer }
}
