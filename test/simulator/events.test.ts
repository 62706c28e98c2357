import { EventDispatcher, LoggerLevel, WSClient } from '@larksuiteoapi/node-sdk'
import { expect, it } from 'vitest'
import { checkHistory } from '../../src/simulator/history/check-history.ts'
import { SimulatorClient } from '../../src/simulator/control/client.ts'
import { entryOf } from '../../src/simulator/history/history.ts'
import { USER_MESSAGE_TYPES } from '../../src/simulator/messages/sample-content.ts'
import { Recorder } from '../support/recorder.ts'
import { closeLater, DATA, eventOf, post, RawClient, sdkClient, SOON_MS, startSimulator } from '../support/simulator.ts'

const silent = () => {}
const quiet = {
  logger: { error: silent, warn: silent, info: silent, debug: silent, trace: silent },
  loggerLevel: LoggerLevel.error,
}

/** The official client, which returns `answer(event)` for every event of the given types. */
async function connected(types: readonly string[], answer: (event: object) => unknown = () => undefined) {
  const { simulator, url, app } = await startSimulator({ timeScale: 0.0002, ackDeadlineMs: 300 })
  const received = new Recorder<Record<string, unknown>>()
  const handle = (event: Record<string, unknown>): unknown => {
    received.add(event)
    return answer(event)
  }
  const dispatcher = new EventDispatcher(quiet).register(Object.fromEntries(types.map((type) => [type, handle])))
  const client = new WSClient({ ...app, domain: url, ...quiet, handshakeTimeoutMs: 2000 })
  closeLater(() => client.close({ force: true }))
  void client.start({ eventDispatcher: dispatcher })
  await simulator.once(entryOf('connection_ready'), SOON_MS)
  return { simulator, url, app, appId: app.appId, received, remote: new SimulatorClient(url) }
}

const TOM = { appId: '', chatId: 'oc_1', userId: 'tom' }

it('everything users do reaches the SDK as its own event type', async () => {
  const types = [
    'im.message.reaction.created_v1',
    'im.message.reaction.deleted_v1',
    'im.chat.member.bot.added_v1',
    'im.chat.member.bot.deleted_v1',
    'im.chat.access_event.bot_p2p_chat_entered_v1',
    'application.bot.menu_v6',
    'im.message.recalled_v1',
    'im.message.receive_v1',
  ]
  const { simulator, remote, appId, received } = await connected(types)
  const tom = { ...TOM, appId }
  await remote.enterP2p(tom)
  expect(await received.next()).not.toHaveProperty('last_message_id')
  const { messageId } = await remote.sendMessage({ ...tom, messageType: 'image' })
  await remote.enterP2p(tom)
  await remote.react({ appId, messageId, emojiType: 'OK' })
  await remote.react({ appId, messageId, emojiType: 'OK', isRemoved: true })
  await remote.addBotToChat({ ...tom, chatId: 'oc_g', name: 'Room' })
  await remote.removeBot({ ...tom, chatId: 'oc_g', name: 'Room' })
  await remote.clickMenu({ ...tom, eventKey: 'help' })
  await remote.recall(messageId)
  await received.next(({ event_type: type }) => type === 'im.message.recalled_v1')
  const byType = Object.fromEntries(received.items.map((event) => [event['event_type'], event]))
  expect(Object.keys(byType).toSorted()).toEqual(types.toSorted())
  expect(byType['im.chat.access_event.bot_p2p_chat_entered_v1']).toMatchObject({ last_message_id: messageId })
  expect(byType['im.message.reaction.created_v1']).toMatchObject({
    message_id: messageId,
    reaction_type: { emoji_type: 'OK' },
    user_id: { user_id: 'user_of_oc_1' },
  })
  expect(byType['im.chat.member.bot.added_v1']).toMatchObject({ chat_id: 'oc_g', name: 'Room' })
  const sent = simulator.history.entries.filter(({ kind }) => kind === 'event_sent')
  expect(sent).toHaveLength(8)
  expect(simulator.history.entries.find(({ kind }) => kind === 'sent')).toMatchObject({ text: '[image]' })
})

it.each(USER_MESSAGE_TYPES)('a message of type %s has content of that type', async (messageType) => {
  const { simulator, url, app } = await startSimulator()
  const client = await (await RawClient.connect(url, app)).ready()
  const { messageId } = simulator.sendMessage({ appId: app.appId, chatId: 'oc_1', messageType })
  const { event } = eventOf(await client.next(DATA)) as { event: { message: Record<string, string> } }
  expect(event.message).toMatchObject({ message_id: messageId, message_type: messageType })
  expect(Object.keys(JSON.parse(String(event.message['content']))).length).toBeGreaterThan(0)
})

it('the answer of a card comes back to whoever pressed', async () => {
  const { appId, remote, simulator, received } = await connected(['card.action.trigger'], () => ({
    toast: { type: 'info', content: 'ok' },
  }))
  const answer = await remote.clickCard({ ...TOM, appId, messageId: 'om_card', value: { act: 'stop' } })
  expect(answer).toMatchObject({ kind: 'answered', code: 200, data: { toast: { type: 'info', content: 'ok' } } })
  expect(received.items).toMatchObject([
    {
      action: { value: { act: 'stop' }, tag: 'button' },
      context: { open_message_id: 'om_card', open_chat_id: 'oc_1' },
    },
  ])
  expect(simulator.history.entries.map(({ kind }) => kind)).toContain('callback_answered')
  const again = await remote.clickCard({ ...TOM, appId, value: {}, eventId: answer.eventId })
  expect(again.eventId).toBe(answer.eventId)
})

it('a card without an answer in time fails for the user and is not pushed again', async () => {
  const { appId, simulator } = await connected(['card.action.trigger'])
  simulator.withholdAcks(appId)
  const answer = await simulator.clickCard({ ...TOM, appId, value: 'x' })
  expect(answer).toMatchObject({ kind: 'timeout' })
  // Written after the card had failed, so a second push of the card would come before that of the message.
  simulator.sendText({ ...TOM, appId, text: 'hello' })
  await simulator.once(
    entryOf('pushed', ({ attempt }) => attempt === 2),
    SOON_MS,
  )
  const pushed = simulator.history.entries.filter((entry) => entry.kind === 'pushed')
  expect(pushed.filter(({ eventId }) => eventId === answer.eventId)).toHaveLength(1)
})

it('a card of an app without a connection fails at once', async () => {
  const { simulator, app } = await startSimulator()
  expect(await simulator.clickCard({ ...TOM, appId: app.appId, value: 'x' })).toMatchObject({ kind: 'unreachable' })
})

it('stop ends the wait for an answer', async () => {
  const { appId, simulator, received } = await connected(['card.action.trigger'], () => new Promise(() => {}))
  const answer = simulator.clickCard({ ...TOM, appId, value: 'x' })
  await received.next()
  await simulator.stop()
  expect(await answer).toMatchObject({ kind: 'timeout' })
})

it('who was met may be written to; who left may not, and what was taken back takes no reply', async () => {
  const { simulator, url, app } = await startSimulator()
  const { appId } = app
  const text = { msg_type: 'text', content: '{"text":"x"}' }
  const { messageId } = simulator.sendText({ appId, chatId: 'oc_g', chatType: 'group', userId: 'tom', text: 'hi' })
  simulator.addBotToChat({ appId, chatId: 'oc_new', userId: 'ann' })
  const client = sdkClient(url, app)
  const create = async (type: 'chat_id' | 'user_id', id: string): Promise<unknown> =>
    client.im.v1.message.create({ params: { receive_id_type: type }, data: { receive_id: id, ...text } }).then(
      ({ code }) => code,
      (thrown: { response: { data: { code: number } } }) => thrown.response.data.code,
    )
  expect(await create('chat_id', 'oc_new')).toBe(0)
  expect(await create('user_id', 'ann')).toBe(0)
  expect(await create('user_id', 'tom')).toBe(230034)
  simulator.react({ appId, messageId, emojiType: 'OK', userId: 'tom' })
  expect(await create('user_id', 'tom')).toBe(0)
  simulator.removeBot({ appId, chatId: 'oc_new' })
  expect(await create('chat_id', 'oc_new')).toBe(230002)
  simulator.recall(messageId)
  const refused = client.im.v1.message.reply({ path: { message_id: messageId }, data: text })
  await expect(refused).rejects.toMatchObject({ response: { data: { code: 230011 } } })
})

it('only messages need replies, and only those not taken back', async () => {
  const { simulator, app } = await startSimulator()
  const { appId } = app
  const { messageId } = simulator.sendText({ appId, chatId: 'oc_1', text: 'hi' })
  simulator.react({ appId, messageId, emojiType: 'OK' })
  simulator.addBotToChat({ appId, chatId: 'oc_g' })
  expect(checkHistory(simulator.history.entries)).toMatchObject({ sent: 1, replied: 0, lost: 1 })
  simulator.recall(messageId)
  expect(checkHistory(simulator.history.entries)).toMatchObject({ sent: 1, replied: 0, lost: 0 })
  expect(await simulator.waitForReplies({ timeoutMs: SOON_MS })).toMatchObject({ isComplete: true })
})

it.each([
  ['/messages', { appId: 'x', chatId: 'oc_1', messageType: 'song' }, /messageType must be one of text, post/],
  ['/reactions', { appId: 'x' }, /messageId/],
  ['/cards/click', { appId: 'x', chatId: 'oc_1', formValue: 5 }, /formValue must be a JSON object/],
  ['/bots/add', { appId: 'x', chatId: 'oc_1', isExternal: 'yes' }, /isExternal must be true or false/],
])('the control API says what is wrong: %s', async (path, body, reason) => {
  const { url } = await startSimulator()
  const answer = await post(`${url}/_simulator${path}`, body)
  expect(answer.status).toBe(400)
  expect(answer.body['error']).toMatch(reason)
})
