import { describe, expect, it } from 'vitest'
import { createLogger, type LogRecord } from '../../src/core/logger.ts'
import type { SendFailure, SendOutcome } from '../../src/protocol/data.ts'
import type { OutgoingReply } from '../../src/protocol/message.ts'
import type { FailureMode } from '../../src/simulator/fault.ts'
import type { HistoryKind } from '../../src/simulator/history.ts'
import { Http } from '../../workers/bot/http.ts'
import { Sender } from '../../workers/bot/sender.ts'
import { FakeClock } from '../messages/fake-clock.ts'
import { closeLater, startSimulator } from '../simulator/support.ts'

/** A sender and a message it may answer. */
async function sending(more: { timeoutMs?: number; appSecret?: string; clock?: FakeClock } = {}) {
  const { simulator, url, app } = await startSimulator()
  const logs: LogRecord[] = []
  const http = new Http(more.timeoutMs ?? 5_000)
  closeLater(() => http.close())
  const sender = new Sender({
    appId: app.appId,
    appSecret: more.appSecret ?? app.appSecret,
    domain: url,
    http,
    logger: createLogger('test', (record) => logs.push(record)),
    ...(more.clock === undefined ? {} : { clock: more.clock }),
  })
  const { messageId } = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
  const reply = (uuid = 'u1', text = 'hello'): OutgoingReply => ({
    messageId,
    msgType: 'text',
    content: JSON.stringify({ text }),
    uuid,
  })
  const count = (kind: HistoryKind) => simulator.history.entries.filter((entry) => entry.kind === kind).length
  return { simulator, app, sender, reply, count, logs }
}

function failureOf(outcome: SendOutcome): SendFailure {
  if (outcome.kind === 'sent') throw new Error('it was sent')
  return outcome.failure
}

describe('a reply', () => {
  it('is shown once, in answer to its message', async () => {
    const { simulator, sender, reply, count } = await sending()
    const outcome = await sender.send(reply())
    expect(outcome).toMatchObject({ kind: 'sent', messageId: expect.stringMatching(/^om_/) })
    expect(simulator.history.entries.find(({ kind }) => kind === 'message_created')).toMatchObject({
      ...outcome,
      kind: 'message_created',
      replyTo: reply().messageId,
      msgType: 'text',
      content: '{"text":"hello"}',
    })
    expect(count('token_issued')).toBe(1)
  })

  it('is the same message when it is sent again under its uuid', async () => {
    const { sender, reply, count } = await sending()
    const first = await sender.send(reply())
    expect(await sender.send(reply())).toEqual(first)
    expect(count('message_created')).toBe(1)
  })

  it('whose answer was lost is shown once after a retry', async () => {
    const { simulator, sender, reply, count } = await sending()
    simulator.failNext({ call: 'reply', loseAnswer: true })
    expect(failureOf(await sender.send(reply())).error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true })
    expect(await sender.send(reply())).toMatchObject({ kind: 'sent' })
    expect(count('message_created')).toBe(1)
  })

  it('to a message that does not exist is refused for good', async () => {
    const { sender, reply } = await sending()
    const { error, logId } = failureOf(await sender.send({ ...reply(), messageId: 'om_none/../x' }))
    expect(error).toMatchObject({ code: 'REPLY_REFUSED', retryable: false })
    expect(error.message).toContain('99992354')
    expect(logId).toEqual(expect.any(String))
  })
})

describe('a failure of the reply call', () => {
  it.each<[string, FailureMode, string, boolean]>([
    ['an internal error', { http: 500, code: 5000 }, 'REPLY_FAILED', true],
    ['a message that is being sent', { http: 400, code: 230049 }, 'REPLY_FAILED', true],
    ['a frequency limit with status 200', { http: 200, code: 99991400 }, 'REPLY_FAILED', true],
    ['a chat frequency limit', { http: 400, code: 230020 }, 'REPLY_FAILED', true],
    ['an unreadable gateway error', { http: 502, code: 77 }, 'REPLY_FAILED', true],
    ['a bot that left the chat', { http: 400, code: 230002 }, 'REPLY_REFUSED', false],
    ['bad content', { http: 200, code: 230001 }, 'REPLY_REFUSED', false],
  ])('%s is told apart', async (_name, failure, code, retryable) => {
    const { simulator, sender, reply } = await sending()
    simulator.failNext({ call: 'reply', ...failure })
    const { error, retryAfterMs } = failureOf(await sender.send(reply()))
    expect(error).toMatchObject({ code, retryable })
    expect(retryAfterMs).toBeUndefined()
    expect(await sender.send(reply())).toMatchObject({ kind: 'sent' })
  })

  it('carries the wait that the platform asks for', async () => {
    const { simulator, sender, reply } = await sending()
    simulator.failNext({ call: 'reply', retryAfterMs: 7_500 })
    expect(failureOf(await sender.send(reply()))).toMatchObject({
      error: { code: 'REPLY_FAILED', retryable: true },
      retryAfterMs: 7_500,
    })
  })

  it('that is no answer at all ends at the deadline', async () => {
    const { simulator, sender, reply } = await sending({ timeoutMs: 200 })
    await sender.send(reply('warm'))
    simulator.failNext({ call: 'reply', hang: true })
    const { error } = failureOf(await sender.send(reply()))
    expect(error).toMatchObject({
      code: 'CONNECTION_FAILED',
      retryable: true,
      message: expect.stringContaining('ETIMEDOUT'),
    })
    expect(await sender.send(reply())).toMatchObject({ kind: 'sent' })
  })
})

describe('the access token', () => {
  it('is asked for once however many replies wait for it', async () => {
    const { sender, reply, count } = await sending()
    const outcomes = await Promise.all(Array.from({ length: 10 }, (_, index) => sender.send(reply(`u${index}`))))
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array.from({ length: 10 }, () => 'sent'))
    expect(count('token_issued')).toBe(1)
  })

  it('that was revoked is replaced once, by all replies together', async () => {
    const { simulator, app, sender, reply, count } = await sending()
    await sender.send(reply('warm'))
    simulator.revokeTokens(app.appId)
    const outcomes = await Promise.all(['a', 'b', 'c'].map((uuid) => sender.send(reply(uuid))))
    expect(outcomes.map(({ kind }) => kind)).toEqual(['sent', 'sent', 'sent'])
    expect(count('token_issued')).toBe(2)
  })

  it('that is refused a second time is a failure to be retried, not a loop', async () => {
    const { simulator, sender, reply, count } = await sending()
    simulator.failNext({ call: 'reply', count: 2, http: 400, code: 99991663 })
    expect(failureOf(await sender.send(reply())).error).toMatchObject({ code: 'REPLY_FAILED', retryable: true })
    expect(count('reply_received')).toBe(2)
    expect(await sender.send(reply())).toMatchObject({ kind: 'sent' })
  })

  it('is replaced before it expires', async () => {
    const clock = new FakeClock()
    const { sender, reply, count } = await sending({ clock })
    await sender.send(reply('a'))
    await clock.advance(7_000_000)
    await sender.send(reply('b'))
    expect(count('token_issued')).toBe(1)
    await clock.advance(200_000)
    await sender.send(reply('c'))
    expect(count('token_issued')).toBe(2)
  })

  it('that cannot be had says why, and never the secret', async () => {
    const { simulator, sender, reply, logs } = await sending({ appSecret: 'canary-secret' })
    const wrong = failureOf(await sender.send(reply()))
    expect(wrong.error).toMatchObject({ code: 'CREDENTIALS_REJECTED', message: expect.stringContaining('10014') })
    simulator.failNext({ call: 'token', loseAnswer: true })
    const lost = failureOf(await sender.send(reply()))
    expect(lost.error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true })
    expect(JSON.stringify([wrong, lost, logs])).not.toContain('canary-secret')
  })
})
