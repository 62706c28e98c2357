import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { checkHistory } from '../../src/simulator/history/check-history.ts'
import { type OwnBot, SharedStage } from '../support/shared-stage.ts'
import { Cleanups, eventOf } from '../support/system.ts'

const stage = new SharedStage({
  handler: resolve('test/fixtures/handlers/events.mjs'),
  handlers: { messagesOnly: 'echo' },
  messages: { threads: 2 },
})
const cleanups = new Cleanups()
afterEach(cleanups.run)

/** A bot with a handler for everything, and a way to wait for what it says. */
async function connected(more: Parameters<typeof stage.bot>[0] = {}) {
  const bot = await stage.bot(more)
  return { bot, appId: bot.appId, client: bot.client, says: texts(bot) }
}

/** Resolves with where it was said, once the bot has said exactly this. */
function texts(bot: OwnBot): (wanted: string) => Promise<string> {
  return async (wanted) => {
    let chatId = ''
    await bot.entry((entry) => {
      if (entry.kind !== 'message_created' || (JSON.parse(entry.content) as { text: string }).text !== wanted)
        return false
      chatId = entry.chatId
      return true
    })
    return chatId
  }
}

it('every kind of event reaches its function, and its reply the right chat', async () => {
  const { bot, appId, client, says } = await connected()
  const tom = { appId, chatId: 'oc_tom', userId: 'tom' }
  await client.enterP2p(tom)
  expect(await says('welcome')).toBe('oc_tom')
  await client.clickMenu({ ...tom, eventKey: 'help' })
  expect(await says('menu help')).toBe('oc_tom')
  await client.addBotToChat({ ...tom, chatId: 'oc_room', name: 'Room' })
  expect(await says('added to Room')).toBe('oc_room')
  const group = { ...tom, chatId: 'oc_room', chatType: 'group', mentions: [{ name: 'Ada' }] } as const
  const { messageId } = await client.sendMessage({ ...group, messageType: 'file' })
  await bot.replied(1)
  await client.react({ appId, messageId, emojiType: 'OK', userId: 'tom' })
  expect(await says('reaction added OK')).toBe('oc_tom')
  await client.removeBot({ ...tom, chatId: 'oc_room', name: 'Room' })
  expect(await says('removed from Room')).toBe('oc_tom')
  const history = await bot.history()
  expect(history).toContainEqual(
    expect.objectContaining({
      kind: 'message_created',
      replyTo: messageId,
      content: expect.stringMatching(/message <file key=.*report\.pdf/),
    }),
  )
  expect(checkHistory(history)).toMatchObject({ sent: 1, replied: 1, lost: 0, duplicated: 0, reordered: 0 })
})

it('events without a function complete in silence; a message taken back costs nothing', async () => {
  const { bot, appId, client, says } = await connected()
  const { messageId } = await client.sendText({ appId, chatId: 'oc_1', text: 'hello' })
  await bot.replied(1)
  await client.recall(messageId)
  await client.sendText({ appId, chatId: 'oc_1', text: 'again' })
  await says('message again')
  const history = await bot.history()
  expect(history.filter(({ kind }) => kind === 'message_created')).toHaveLength(2)
  expect(checkHistory(history)).toMatchObject({ lost: 0, duplicated: 0 })
})

it('a message taken back before its turn is not handled', async () => {
  const { bot, appId, client, says } = await connected()
  const chat = { appId, chatId: 'oc_1' }
  const backend = createServer().listen(0, '127.0.0.1')
  cleanups.add(() => new Promise((closed) => backend.close(closed)))
  await once(backend, 'listening')
  const asked = once(backend, 'request') as Promise<[IncomingMessage, ServerResponse]>
  const { port } = backend.address() as AddressInfo
  await client.sendText({ ...chat, text: `ask http://127.0.0.1:${port}` })
  const [, answer] = await asked
  const isRecalled = eventOf(
    stage.supervisor,
    'message',
    (event) => event.botId === bot.botId && event.stage === 'received' && event.type === 'im.message.recalled_v1',
  )
  const { messageId } = await client.sendText({ ...chat, text: 'never mind' })
  await client.recall(messageId)
  await isRecalled
  answer.end()
  await client.sendText({ ...chat, text: 'last' })
  await says('message last')
  const history = await bot.history()
  expect(history.filter((entry) => entry.kind === 'message_created')).toHaveLength(2)
  expect(checkHistory(history)).toMatchObject({ sent: 3, replied: 2, lost: 0, duplicated: 0 })
})

describe('a press on a card', () => {
  const press = (appId: string, value: object) => ({ appId, chatId: 'oc_1', value })

  it('shows what the handler returns, and its replies go out', async () => {
    const { appId, client, says } = await connected()
    expect(await client.clickCard(press(appId, { act: 'ok' }))).toMatchObject({
      kind: 'answered',
      code: 200,
      data: { toast: { type: 'success', content: 'done ok' } },
    })
    expect(await says('card ok, attempt 1')).toBe('oc_1')
  })

  it('shows a neutral toast in time when the handler is slow, which then replies once', async () => {
    const { bot, appId, client, says } = await connected()
    const answer = await client.clickCard(press(appId, { act: 'slow', ms: 2_800 }))
    expect(answer).toMatchObject({ kind: 'answered', data: { toast: { type: 'info', content: 'Working on it…' } } })
    await says('card slow, attempt 1')
    const created = (await bot.history()).filter(({ kind }) => kind === 'message_created')
    expect(created).toHaveLength(1)
  })

  it('is answered while every other thread is busy, and only once if it comes twice', async () => {
    const { appId, client } = await connected()
    const slow = { ...press(appId, { act: 'slow', ms: 2_000 }), chatId: 'oc_2' }
    const first = client.clickCard(slow)
    const answer = await client.clickCard(press(appId, { act: 'ok' }))
    expect(answer).toMatchObject({ data: { toast: { content: 'done ok' } } })
    const again = await client.clickCard({ ...press(appId, { act: 'ok' }), eventId: answer.eventId })
    expect(again).toMatchObject({ code: 200, data: {} })
    expect(await first).toMatchObject({ data: { toast: { content: 'done slow' } } })
  })

  it('is answered with nothing by a handler of messages only', async () => {
    const { appId, client } = await connected({ handler: 'messagesOnly' })
    expect(await client.clickCard(press(appId, { act: 'ok' }))).toMatchObject({ kind: 'answered', code: 200, data: {} })
  })
})
