import type { Client } from '@larksuiteoapi/node-sdk'
import { expect } from 'vitest'
import { post } from '../support/simulator.ts'
import { type Check, expectAll, type World } from './check.ts'

/** What a call needs: a message of Tom's, and a text and a card of the bot. */
interface Ground extends World {
  readonly userMessageId: string
  readonly textId: string
  readonly cardId: string
}

interface Call<T> {
  readonly name: string
  run(client: Client, ground: Ground): Promise<T>
  /** Every field that the SDK's types name and the platform documents. */
  read(answer: T): readonly unknown[]
}

const text = (value: string) => ({ msg_type: 'text', content: JSON.stringify({ text: value }) })
const CARD = JSON.stringify({ config: { update_multi: true }, elements: [{ tag: 'markdown', content: 'a card' }] })
const STORED = JSON.stringify({
  schema: '2.0',
  config: { streaming_mode: true },
  body: { elements: [{ tag: 'markdown', element_id: 'md', content: '...' }] },
})

/** Keeps the type of a call's answer between `run` and `read`. */
function call<T>(name: string, run: Call<T>['run'], read: Call<T>['read']): Check {
  return {
    name: `the SDK is answered: ${name}`,
    options: { limits: { perChat: 0, perMessage: 0 } },
    async run(world) {
      const { simulator, app, client } = world
      const { messageId: userMessageId } = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
      const path = { message_id: userMessageId }
      const reply = async (data: { msg_type: string; content: string }) =>
        String((await client.im.v1.message.reply({ path, data })).data?.message_id)
      const textId = await reply(text('hello'))
      const cardId = await reply({ msg_type: 'interactive', content: CARD })
      expectAll(read(await run(client, { ...world, userMessageId, textId, cardId })))
    },
  }
}

type MessageFields = NonNullable<Awaited<ReturnType<Client['im']['v1']['message']['update']>>['data']>

const fieldsOf = (data: MessageFields | undefined) => [
  data?.message_id,
  data?.msg_type,
  data?.create_time,
  data?.update_time,
  data?.deleted,
  data?.updated,
  data?.chat_id,
  data?.sender?.id,
  data?.sender?.id_type,
  data?.sender?.sender_type,
  data?.sender?.tenant_key,
  data?.body?.content,
]

const stored = async (client: Client) =>
  String((await client.cardkit.v1.card.create({ data: { type: 'card_json', data: STORED } })).data?.card_id)

const KEY = { image_type: 'message', image: Buffer.from('pixels') } as const

export const CALL_CHECKS: readonly Check[] = [
  call(
    'im.v1.message.create',
    (client) =>
      client.im.v1.message.create({
        params: { receive_id_type: 'chat_id' },
        data: { receive_id: 'oc_1', ...text('hello') },
      }),
    ({ code, data }) => [code, ...fieldsOf(data)],
  ),
  call(
    'im.v1.message.reply',
    (client, { userMessageId }) =>
      client.im.v1.message.reply({ path: { message_id: userMessageId }, data: text('hello') }),
    ({ code, data }) => [code, ...fieldsOf(data), data?.root_id, data?.parent_id],
  ),
  call(
    'im.v1.message.get',
    (client, { textId }) => client.im.v1.message.get({ path: { message_id: textId } }),
    ({ code, data }) => [code, ...fieldsOf(data?.items?.[0])],
  ),
  call(
    'im.v1.message.update',
    (client, { textId }) => client.im.v1.message.update({ path: { message_id: textId }, data: text('edited') }),
    ({ code, data }) => [code, ...fieldsOf(data)],
  ),
  call(
    'im.v1.message.patch',
    (client, { cardId }) => client.im.v1.message.patch({ path: { message_id: cardId }, data: { content: CARD } }),
    ({ code, data }) => [code, data],
  ),
  call(
    'im.v1.message.delete',
    (client, { textId }) => client.im.v1.message.delete({ path: { message_id: textId } }),
    ({ code, data }) => [code, data],
  ),
  call(
    'im.v1.messageReaction.create',
    (client, { userMessageId }) =>
      client.im.v1.messageReaction.create({
        path: { message_id: userMessageId },
        data: { reaction_type: { emoji_type: 'OK' } },
      }),
    ({ code, data }) => [
      code,
      data?.reaction_id,
      data?.operator?.operator_id,
      data?.operator?.operator_type,
      data?.action_time,
      data?.reaction_type?.emoji_type,
    ],
  ),
  call(
    'im.v1.messageReaction.list',
    (client, { userMessageId }) => client.im.v1.messageReaction.list({ path: { message_id: userMessageId } }),
    ({ code, data }) => [code, data?.items, data?.has_more],
  ),
  call(
    'im.v1.image.create',
    (client) => client.im.v1.image.create({ data: KEY }),
    (data) => [data?.image_key],
  ),
  call(
    'im.v1.file.create',
    (client) => client.im.v1.file.create({ data: { file_type: 'pdf', file_name: 'a.pdf', file: Buffer.from('x') } }),
    (data) => [data?.file_key],
  ),
  call(
    'im.v1.messageResource.get',
    async (client, { simulator, app }) => {
      const content = { image_key: String((await client.im.v1.image.create({ data: KEY }))?.image_key) }
      const { messageId } = simulator.sendMessage({ appId: app.appId, chatId: 'oc_1', messageType: 'image', content })
      const path = { message_id: messageId, file_key: content.image_key }
      const answer = await client.im.v1.messageResource.get({ path, params: { type: 'image' } })
      const chunks: Buffer[] = []
      for await (const chunk of answer.getReadableStream()) chunks.push(chunk as Buffer)
      return Buffer.concat(chunks).toString()
    },
    (bytes) => [bytes === 'pixels' ? bytes : undefined],
  ),
  call(
    'im.v1.chat.get',
    (client) => client.im.v1.chat.get({ path: { chat_id: 'oc_1' } }),
    ({ code, data }) => [code, data?.chat_mode, data?.name, data?.user_count],
  ),
  call(
    'bot/v3/info',
    (client) => client.request<{ code: number; bot?: Record<string, unknown> }>({ url: '/open-apis/bot/v3/info' }),
    ({ code, bot }) => [code, bot?.['open_id'], bot?.['app_name'], bot?.['activate_status'], bot?.['avatar_url']],
  ),
  call(
    'event/v1/connection',
    (client) =>
      client.request<{ code: number; data?: { online_instance_cnt?: number } }>({
        url: '/open-apis/event/v1/connection',
      }),
    ({ code, data }) => [code, data?.online_instance_cnt],
  ),
  call(
    'event.v1.outboundIp.list',
    (client) => client.event.v1.outboundIp.list({}),
    ({ code, data }) => [code, data?.ip_list?.[0], data?.has_more],
  ),
  call(
    'cardkit.v1.card.create, sent and streamed',
    async (client, { userMessageId }) => {
      const card_id = await stored(client)
      const content = JSON.stringify({ type: 'card', data: { card_id } })
      const sent = await client.im.v1.message.reply({
        path: { message_id: userMessageId },
        data: { msg_type: 'interactive', content },
      })
      const path = { card_id, element_id: 'md' }
      const streamed = await client.cardkit.v1.cardElement.content({ path, data: { content: 'Once', sequence: 1 } })
      const settings = JSON.stringify({ config: { streaming_mode: false } })
      const closed = await client.cardkit.v1.card.settings({ path: { card_id }, data: { settings, sequence: 2 } })
      return [sent, streamed, closed].map(({ code }) => code)
    },
    (codes) => codes.map((code) => (code === 0 ? code : undefined)),
  ),
]

const PATH = '/open-apis/auth/v3/tenant_access_token/internal'

/** The same calls by hand: what no SDK shows. */
export const ANSWER_CHECKS: readonly Check[] = [
  {
    name: 'a token has its fields at the top, and lives two hours',
    async run({ url, app }) {
      const { status, body } = await post(url + PATH, { app_id: app.appId, app_secret: app.appSecret })
      expect([status, body]).toEqual([
        200,
        { code: 0, msg: 'ok', tenant_access_token: expect.stringMatching(/^t-/), expire: 7200 },
      ])
    },
  },
  {
    name: 'an error has its code, HTTP 400 and the log id of its header',
    async run({ url }) {
      const { status, body, headers } = await post(`${url}/open-apis/im/v1/messages/om_1/reply`, text('hello'))
      expect([status, body['code']]).toEqual([400, 99991661])
      const logId = headers.get('x-tt-logid')
      expectAll([logId])
      expect(body['error']).toMatchObject({ log_id: logId })
    },
  },
  {
    name: 'a limit answers 429 with the seconds to wait',
    options: { limits: { perApp: 1 } },
    async run({ url, app, simulator }) {
      simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
      const { body } = await post(url + PATH, { app_id: app.appId, app_secret: app.appSecret })
      const authorization = `Bearer ${String(body['tenant_access_token'])}`
      const send = () =>
        post(
          `${url}/open-apis/im/v1/messages?receive_id_type=chat_id`,
          { receive_id: 'oc_1', ...text('hello') },
          { authorization },
        )
      const answers = [await send(), await send(), await send()]
      const refused = answers.find(({ status }) => status === 429)
      expect(refused?.body['code']).toBe(99991400)
      expect(Number(refused?.headers.get('x-ogw-ratelimit-reset'))).toBeGreaterThan(0)
    },
  },
  {
    name: 'a uuid that comes again shows nothing new',
    async run({ client, app, simulator }) {
      const { messageId } = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
      const data = { ...text('hello'), uuid: 'u-1' }
      const reply = async () => (await client.im.v1.message.reply({ path: { message_id: messageId }, data })).data
      const [first, second] = [await reply(), await reply()]
      expect(second?.message_id).toBe(first?.message_id)
      expect(simulator.messagesOfBot(app.appId)).toHaveLength(1)
    },
  },
]
