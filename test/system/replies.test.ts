import { resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { FeishuSupervisor } from '../../src/index.ts'
import type { HistoryEntry } from '../../src/simulator/history/history.ts'
import type { LaunchedSimulator } from '../../src/simulator/launch.ts'
import { firstEntry } from '../support/first-entry.ts'
import { ADA, addConnected, Cleanups, eventOf, getJson } from '../support/system.ts'

const cleanups = new Cleanups()
afterAll(cleanups.run)

let simulator: LaunchedSimulator
let supervisor: FeishuSupervisor

beforeAll(async () => {
  simulator = await cleanups.simulator()
  const handler = resolve('test/fixtures/handlers/replies.mjs')
  supervisor = cleanups.supervisor({ dataDir: await cleanups.dataDir(), handler, messages: { threads: 1 } })
  await supervisor.start()
  // So that bytes cross every kind of wire.
  await addConnected(supervisor, { ...ADA, isolation: 'process' }, simulator.url)
}, 30_000)

type Created = Extract<HistoryEntry, { kind: 'message_created' }>

/** What the bot shows in answer to a text, and what the API tells of it. */
async function answerTo(text: string): Promise<{ created: Created; replies: unknown }> {
  let eventId = 0
  const replied = eventOf(supervisor, 'message', (event) => {
    if (event.stage === 'replied') eventId = event.eventId
    return event.stage === 'replied'
  })
  const { messageId } = await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text })
  const isAnswer = (entry: HistoryEntry): boolean => entry.kind === 'message_created' && entry.replyTo === messageId
  const created = (await firstEntry(simulator.client, isAnswer)) as Created
  await replied
  const { body } = await getJson(supervisor, `/api/feishu/messages/${eventId}`)
  return { created, replies: (body as { replies: unknown }).replies }
}

it.each([
  ['text', 'text', { text: '<at user_id="ou_1"></at> plain' }],
  ['markdown', 'post', { zh_cn: { content: [[{ tag: 'md', text: '# Title\n\n**bold**' }]] } }],
  ['post', 'post', { zh_cn: { content: [[{ tag: 'text', text: 'a line' }]] } }],
  ['card', 'interactive', { schema: '2.0', body: { elements: [{ tag: 'markdown', content: 'pressable' }] } }],
  ['image', 'image', { image_key: expect.stringMatching(/^img_v3_/) as string }],
  ['file', 'file', { file_key: expect.stringMatching(/^file_v3_/) as string }],
  ['nonsense', 'text', { text: 'card, image: a reply can have one of these fields; call ctx.reply once for each' }],
])('a reply with %s is shown', async (text, msgType, content) => {
  const { created, replies } = await answerTo(text)
  expect(created.msgType).toBe(msgType)
  expect(JSON.parse(created.content)).toEqual(content)
  expect(replies).toMatchObject([{ part: 0, msgType, state: 'sent', messageId: created.messageId }])
  expect(JSON.stringify(replies).length).toBeLessThan(600)
})
