import { expect, it } from 'vitest'
import type { HistoryEntry } from '../../../src/simulator/history/history.ts'
import { sending } from '../../support/bot.ts'

const MESSAGE = /^om_/

it.each([
  ['image', 'photo.png', 'image'],
  ['file', 'report.PDF', 'file'],
  ['file', 'notes.weird', 'file'],
])('an %s named %s is uploaded, and its key shown', async (msgType, name, type) => {
  const { simulator, sender, calls, reply } = await sending()
  const bytes = Buffer.from('some bytes\r\n--and more')
  const upload = { id: 'x', name, size: bytes.length }
  const outcome = await sender.send({ ...reply(), msgType, content: '{}', bytes, delivery: { upload } })
  expect(outcome).toMatchObject({ kind: 'sent', messageId: expect.stringMatching(MESSAGE) })
  const shown = created(simulator.history.entries)
  expect(shown).toHaveLength(1)
  const key = (JSON.parse(shown[0]?.content ?? '{}') as Record<string, string>)[`${msgType}_key`]
  const url = `/open-apis/im/v1/messages/${shown[0]?.messageId}/resources/${key}?type=${type}`
  const called = await calls.call({ method: 'GET', url, data: {} })
  expect(called).toMatchObject({ answer: { status: 200, body: bytes.toString() } })
})

it('bytes are uploaded once for all tries of a message', async () => {
  const { simulator, sender, reply } = await sending()
  simulator.failNext({ call: 'reply', http: 500, code: 5000 })
  const upload = { id: 'x', name: 'a.png', size: 1 }
  const image = { ...reply(), msgType: 'image', content: '{}', bytes: Buffer.from('x'), delivery: { upload } }
  expect(await sender.send(image)).toMatchObject({ kind: 'failed' })
  expect(await sender.send(image)).toMatchObject({ kind: 'sent' })
  expect(
    simulator.history.entries.filter((entry) => entry.kind === 'api_called' && entry.call === 'upload'),
  ).toHaveLength(1)
})

it.each([
  ['for good', { http: 400, code: 234006 }, { code: 'REPLY_REFUSED', retryable: false }],
  ['for a while', { http: 500, code: 5000 }, { code: 'REPLY_FAILED', retryable: true }],
  ['without an answer', { loseAnswer: true }, { code: 'CONNECTION_FAILED', retryable: true }],
] as const)('an upload refused %s shows nothing', async (_name, failure, error) => {
  const { simulator, sender, reply } = await sending()
  simulator.failNext({ call: 'upload', ...failure })
  const upload = { id: 'x', name: 'a.png', size: 1 }
  const image = { ...reply(), msgType: 'image', content: '{}', bytes: Buffer.from('x'), delivery: { upload } }
  expect(await sender.send(image)).toMatchObject({ kind: 'failed', failure: { error, isRefused: true } })
  expect(created(simulator.history.entries)).toEqual([])
})

it('an answer in the thread opens one', async () => {
  const { simulator, app, sender, reply } = await sending()
  await sender.send({ ...reply(), delivery: { inThread: true } })
  expect(simulator.messagesOfBot(app.appId)[0]?.threadId).toMatch(/^omt_/)
})

it.each([230071, 230072])('where threads are refused (%i) an answer goes out without one', async (code) => {
  const { simulator, app, sender, reply } = await sending()
  simulator.failNext({ call: 'reply', http: 400, code })
  expect(await sender.send({ ...reply(), delivery: { inThread: true } })).toMatchObject({ kind: 'sent' })
  expect(simulator.messagesOfBot(app.appId).map(({ threadId }) => threadId)).toEqual([undefined])
})

function created(entries: readonly HistoryEntry[]) {
  return entries.flatMap((entry) => (entry.kind === 'message_created' ? [entry] : []))
}
