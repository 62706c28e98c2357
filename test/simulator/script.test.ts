import { expect, it } from 'vitest'
import { entryOf } from '../../src/simulator/history/history.ts'
import type { SimulatorOptions } from '../../src/simulator/simulator.ts'
import { connectSdk, type Received, sdkClient, SOON_MS, startSimulator } from '../support/simulator.ts'

type FullEvent = Received & {
  message: Received['message'] & {
    chat_type: string
    message_type: string
    root_id?: string
    parent_id?: string
    mentions?: { key: string; name: string; id: { open_id: string }; mentioned_type: string }[]
  }
}

/** A bot that answers every message with what `answer` returns, and nothing for undefined. */
async function startBot(answer: (event: FullEvent) => string | undefined, options: SimulatorOptions = {}) {
  const { simulator, url, app } = await startSimulator(options)
  const client = sdkClient(url, app)
  const events: FullEvent[] = []
  connectSdk(url, app, async (event) => {
    events.push(event as FullEvent)
    const text = answer(event as FullEvent)
    if (text === undefined) return
    const { message_id } = event.message
    const data = { msg_type: 'text', content: JSON.stringify({ text }) }
    await client.im.v1.message.reply({ path: { message_id }, data })
  })
  await simulator.once(entryOf('connection_ready'), SOON_MS)
  return { simulator, app, client, events, tom: simulator.user('tom') }
}

const textOf = (event: FullEvent) => (JSON.parse(event.message.content) as { text: string }).text

it('a user asks and gets the reply', async () => {
  const { app, tom } = await startBot((event) => `you said: ${textOf(event)}`)
  const sent = tom.chatWith(app).say('hello')
  const reply = await sent.reply()
  expect(reply).toMatchObject({ text: 'you said: hello', msgType: 'text', replyTo: sent.messageId, isRecalled: false })
  expect(sent.replies.map(({ messageId }) => messageId)).toEqual([reply.messageId])
})

it('takes the messages of a bot one by one, replies or not', async () => {
  const { app, client, tom } = await startBot((event) => textOf(event))
  const chat = tom.chatWith(app)
  chat.say('one')
  expect((await chat.next()).text).toBe('one')
  await client.im.v1.message.create({
    params: { receive_id_type: 'open_id' },
    data: { receive_id: tom.idsFor(app).open_id, msg_type: 'text', content: '{"text":"two"}' },
  })
  expect(await chat.next()).toMatchObject({ text: 'two', replyTo: undefined, chatId: chat.chatId })
  expect(chat.botMessages).toHaveLength(2)
})

it('mentions bots and people in a group, in the text or in front of it', async () => {
  const { simulator, app, tom, events } = await startBot((event) => textOf(event))
  const group = tom.groupWith(app, 'Project')
  await group.say('who is on call?', { at: [app] }).reply()
  await group.say('@_user_1 meet @_user_2', { at: [app, simulator.user('ann')] }).reply()
  expect(events.map(textOf)).toEqual(['@_user_1 who is on call?', '@_user_1 meet @_user_2'])
  expect(events[1]?.message).toMatchObject({
    chat_type: 'group',
    chat_id: group.chatId,
    mentions: [
      { key: '@_user_1', name: app.name, mentioned_type: 'bot' },
      { key: '@_user_2', name: 'ann', mentioned_type: 'user', id: simulator.user('ann').idsFor(app) },
    ],
  })
})

it('answers a message of the bot, whose conversation the event names', async () => {
  const { app, tom, events } = await startBot((event) => textOf(event))
  const chat = tom.chatWith(app)
  const sent = chat.say('first')
  const reply = await sent.reply()
  await chat.say('and then?', { replyTo: reply }).reply()
  expect(events[1]?.message).toMatchObject({ root_id: sent.messageId, parent_id: reply.messageId })
})

it('sends every type, reacts, presses cards, recalls, opens the chat and uses the menu', async () => {
  const { simulator, app, tom, events } = await startBot(() => 'seen')
  const chat = tom.chatWith(app)
  const image = chat.send('image', { image_key: 'img_v3_1' })
  const reply = await image.reply()
  expect(events[0]?.message).toMatchObject({ message_type: 'image', content: '{"image_key":"img_v3_1"}' })
  image.react('OK')
  reply.react('OK')
  reply.unreact('OK')
  chat.enter()
  chat.clickMenu('help')
  const group = tom.groupWith(app, 'Project')
  group.addBot()
  group.removeBot()
  image.recall()
  expect(await reply.click({ act: 'stop' })).toMatchObject({ kind: 'answered', code: 200 })
  const types = simulator.history.entries.filter(entryOf('event_sent')).map(({ type }) => type)
  expect(types).toEqual([
    'im.message.reaction.created_v1',
    'im.message.reaction.created_v1',
    'im.message.reaction.deleted_v1',
    'im.chat.access_event.bot_p2p_chat_entered_v1',
    'application.bot.menu_v6',
    'im.chat.member.bot.added_v1',
    'im.chat.member.bot.deleted_v1',
    'im.message.recalled_v1',
    'card.action.trigger',
  ])
})

it('says of a bot that stays silent what the platform saw', async () => {
  const { app, tom } = await startBot(() => undefined)
  const sent = tom.chatWith(app).say('hello')
  await expect(sent.reply({ timeoutMs: 300 })).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    message: `no reply to ${sent.messageId} (its event was pushed once and acknowledged with 200) within 300 ms`,
  })
})

it('says of an app without a connection that it never connected', async () => {
  const { simulator, app } = await startSimulator()
  const chat = simulator.user('tom').chatWith(app)
  chat.say('hello')
  await expect(chat.next({ timeoutMs: 50 })).rejects.toThrow('never pushed: the app has never connected')
})

it('passes on what a condition throws, and the simulator goes on', async () => {
  const { app, tom } = await startBot((event) => textOf(event))
  const chat = tom.chatWith(app)
  const reply = await chat.say('one').reply()
  let looks = 0
  const failing = reply.until(() => {
    looks += 1
    if (looks > 1) throw new Error('broken condition')
    return false
  })
  const second = chat.say('two')
  await expect(failing).rejects.toThrow('broken condition')
  expect((await second.reply()).text).toBe('two')
})

it('makes up what an app is not given', async () => {
  const { simulator } = await startSimulator()
  const app = simulator.addApp({ name: 'Other' })
  expect(app).toMatchObject({ name: 'Other', appId: expect.stringMatching(/^cli_[0-9a-f]{16}$/) })
  expect(() => simulator.user('tom').chatWith({ appId: 'cli_ffffffffffffffff' }).say('hi')).toThrow('add it first')
})
