import { describe, expect, it } from 'vitest'
import { entryOf } from '../../src/simulator/history/history.ts'
import type { SimulatorOptions } from '../../src/simulator/simulator.ts'
import { sdkClient, startSimulator } from '../support/simulator.ts'

const text = (value: string) => ({ msg_type: 'text', content: JSON.stringify({ text: value }) })
const card = (title: string, config: object = { update_multi: true }) =>
  JSON.stringify({ config, elements: [{ tag: 'markdown', content: title }] })

/** A bot that has answered Tom with a text and a card. */
async function started(options: SimulatorOptions = {}) {
  const { simulator, url, app } = await startSimulator({ limits: { perChat: 0 }, ...options })
  const { messageId } = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi', userId: 'tom' })
  const { im } = sdkClient(url, app)
  const reply = async (data: { msg_type: string; content: string }) =>
    String((await im.v1.message.reply({ path: { message_id: messageId }, data })).data?.message_id)
  const textId = await reply(text('hello'))
  const cardId = await reply({ msg_type: 'interactive', content: card('first') })
  return { simulator, app, url, im, userMessageId: messageId, textId, cardId, reply }
}

/** The code of a call that is refused. */
async function codeOf(call: Promise<unknown>): Promise<unknown> {
  const refused = (await call.then(
    () => undefined,
    (error: { response?: { data: unknown } }) => error.response?.data,
  )) as { code?: number } | undefined
  return refused?.code
}

describe('messages that exist', () => {
  it('shows its own and the user’s', async () => {
    const { im, app, textId, userMessageId, simulator } = await started()
    const own = await im.v1.message.get({ path: { message_id: textId } })
    expect(own.data?.items).toMatchObject([
      {
        message_id: textId,
        parent_id: userMessageId,
        msg_type: 'text',
        deleted: false,
        updated: false,
        sender: { id: app.appId, sender_type: 'app' },
        body: { content: '{"text":"hello"}' },
      },
    ])
    const users = await im.v1.message.get({ path: { message_id: userMessageId } })
    const { open_id } = simulator.user('tom').idsFor(app)
    expect(users.data?.items?.[0]).toMatchObject({ sender: { id: open_id, id_type: 'open_id', sender_type: 'user' } })
    expect(await codeOf(im.v1.message.get({ path: { message_id: 'om_unknown' } }))).toBe(99992354)
  })

  it('edits a text, 20 times', async () => {
    const { im, simulator, textId, cardId } = await started()
    const edit = (message_id: string, data = text('changed')) => im.v1.message.update({ path: { message_id }, data })
    expect(await edit(textId)).toMatchObject({
      code: 0,
      data: { updated: true, body: { content: '{"text":"changed"}' } },
    })
    expect(simulator.history.entries.filter(entryOf('message_updated'))).toMatchObject([{ messageId: textId }])
    expect(await codeOf(edit(cardId))).toBe(230054)
    expect(await codeOf(edit(textId, { msg_type: 'post', content: '{}' }))).toBe(230055)
    for (let n = 1; n < 20; n += 1) await edit(textId)
    expect(await codeOf(edit(textId))).toBe(230072)
  })

  it('renews a shared card, 5 times a second', async () => {
    const { im, simulator, textId, cardId, reply } = await started()
    const patch = (message_id: string, content: string) =>
      im.v1.message.patch({ path: { message_id }, data: { content } })
    expect(await patch(cardId, card('second'))).toMatchObject({ code: 0 })
    expect(simulator.history.entries.filter(entryOf('message_updated'))).toMatchObject([
      { messageId: cardId, content: card('second') },
    ])
    expect(await codeOf(patch(textId, card('no card')))).toBe(230054)
    expect(await codeOf(patch(cardId, card('not shared', {})))).toBe(230099)
    const own = await reply({ msg_type: 'interactive', content: card('not shared', {}) })
    expect(await codeOf(patch(own, card('shared')))).toBe(230099)
    const answers = await Promise.all(Array.from({ length: 6 }, (_, n) => codeOf(patch(cardId, card(`${n}`)))))
    expect(answers).toContain(230020)
  })

  it('recalls its own, once, and nobody else’s', async () => {
    const { im, simulator, app, textId, userMessageId } = await started()
    const recall = (message_id: string) => im.v1.message.delete({ path: { message_id } })
    expect(await recall(textId)).toMatchObject({ code: 0 })
    expect(simulator.messagesOfBot(app.appId)[0]).toMatchObject({ messageId: textId, isRecalled: true })
    expect(await codeOf(recall(textId))).toBe(230011)
    expect(await codeOf(recall(userMessageId))).toBe(230027)
    expect(await codeOf(im.v1.message.reply({ path: { message_id: textId }, data: text('too late') }))).toBe(230011)
    const shown = await im.v1.message.get({ path: { message_id: textId } })
    expect(shown.data?.items?.[0]).toMatchObject({ deleted: true })
  })

  it('opens a topic', async () => {
    const { im, simulator, app, userMessageId } = await started()
    const answer = await im.v1.message.reply({
      path: { message_id: userMessageId },
      data: { ...text('in a topic'), reply_in_thread: true },
    })
    expect(answer.data?.thread_id).toMatch(/^omt_/)
    const replyTo = String(answer.data?.message_id)
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'and?', replyTo })
    expect(() => simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'x', replyTo: 'om_no' })).toThrow('om_no')
  })

  it.each([
    ['6 tables', { elements: Array.from({ length: 6 }, () => ({ tag: 'table' })) }],
    ['201 elements', { elements: Array.from({ length: 201 }, () => ({ tag: 'hr' })) }],
    ['a list', []],
  ])('refuses a card that is %s', async (_name, content) => {
    const { reply } = await started()
    expect(await codeOf(reply({ msg_type: 'interactive', content: JSON.stringify(content) }))).toBe(230099)
  })

  it('refuses a repeated uuid where that is assumed, and answers errors with HTTP 200 where that is', async () => {
    const { im, userMessageId } = await started({ assumptions: { repeatedUuid: 'refused', errorHttp: 200 } })
    const reply = () => im.v1.message.reply({ path: { message_id: userMessageId }, data: { ...text('x'), uuid: 'u' } })
    expect(await reply()).toMatchObject({ code: 0 })
    expect(await reply()).toMatchObject({ code: 230049 })
  })
})

describe('reactions', () => {
  it('adds, lists and removes its own', async () => {
    const { im, simulator, userMessageId } = await started()
    const path = { message_id: userMessageId }
    const data = { reaction_type: { emoji_type: 'OK' } }
    const added = await im.v1.messageReaction.create({ path, data })
    const reaction_id = String(added.data?.reaction_id)
    expect(added.data).toMatchObject({ reaction_type: { emoji_type: 'OK' }, operator: { operator_type: 'app' } })
    const list = async () => (await im.v1.messageReaction.list({ path })).data?.items?.map((item) => item.reaction_id)
    expect(await list()).toEqual([reaction_id])
    expect(await im.v1.messageReaction.delete({ path: { ...path, reaction_id } })).toMatchObject({ code: 0 })
    expect(await list()).toEqual([])
    expect(await codeOf(im.v1.messageReaction.delete({ path: { ...path, reaction_id } }))).toBe(231003)
    expect(simulator.history.entries.filter(entryOf('bot_reacted')).map(({ isAdded }) => isAdded)).toEqual([
      true,
      false,
    ])
  })
})

describe('files', () => {
  it('keeps what is uploaded, and gives out what a message shows', async () => {
    const { im, simulator, app } = await started()
    const image = await im.v1.image.create({
      data: { image_type: 'message', image: Buffer.from([0, 255, 13, 10, 13, 10, 45, 45]) },
    })
    expect(image?.image_key).toMatch(/^img_v3_/)
    const data = { file_type: 'pdf', file_name: 'a.pdf', file: Buffer.from('pages') } as const
    const file = await im.v1.file.create({ data })
    expect(file?.file_key).toMatch(/^file_v3_/)
    const { messageId } = simulator.sendMessage({
      appId: app.appId,
      chatId: 'oc_1',
      messageType: 'image',
      content: { image_key: image?.image_key },
    })
    const get = async (file_key: string, type = 'image') => {
      const answer = await im.v1.messageResource.get({ path: { message_id: messageId, file_key }, params: { type } })
      const chunks: Buffer[] = []
      for await (const chunk of answer.getReadableStream()) chunks.push(chunk as Buffer)
      return Buffer.concat(chunks)
    }
    expect(await get(String(image?.image_key))).toEqual(Buffer.from([0, 255, 13, 10, 13, 10, 45, 45]))
    await expect(get('img_v3_other')).rejects.toMatchObject({ response: { status: 400 } })
    await expect(get(String(image?.image_key), 'video')).rejects.toMatchObject({ response: { status: 400 } })
  })

  it('makes up what nobody uploaded, always the same', async () => {
    const { im, simulator, app } = await started()
    const content = { file_key: 'file_v3_1', file_name: 'a.pdf' }
    const { messageId } = simulator.sendMessage({ appId: app.appId, chatId: 'oc_1', messageType: 'file', content })
    const path = { message_id: messageId, file_key: 'file_v3_1' }
    const get = async () => {
      const answer = await im.v1.messageResource.get({ path, params: { type: 'file' } })
      const chunks: Buffer[] = []
      for await (const chunk of answer.getReadableStream()) chunks.push(chunk as Buffer)
      return Buffer.concat(chunks)
    }
    const first = await get()
    expect(first).toHaveLength(32)
    expect(await get()).toEqual(first)
  })
})

it('shows chats and where events come from', async () => {
  const { im, url, app, simulator } = await started()
  simulator.user('tom').groupWith(app, 'Project').addBot()
  const group = simulator.user('tom').groupWith(app, 'Project').chatId
  expect((await im.v1.chat.get({ path: { chat_id: group } })).data).toMatchObject({
    chat_mode: 'group',
    name: 'Project',
  })
  expect((await im.v1.chat.get({ path: { chat_id: 'oc_1' } })).data).toMatchObject({ chat_mode: 'p2p' })
  simulator.user('tom').groupWith(app, 'Project').removeBot()
  expect(await codeOf(im.v1.chat.get({ path: { chat_id: group } }))).toBe(232011)
  expect(await codeOf(im.v1.chat.get({ path: { chat_id: 'oc_none' } }))).toBe(232006)
  const ips = await sdkClient(url, app).event.v1.outboundIp.list({})
  expect(ips.data).toMatchObject({ ip_list: ['127.0.0.1'], has_more: false })
})
