import { createServer } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { SendFailure, SendOutcome } from '../../../src/protocol/data.ts'
import type { FailureMode } from '../../../src/simulator/faults/fault.ts'
import { userIds } from '../../../src/simulator/shared/app-directory.ts'
import { entryOf } from '../../../src/simulator/history/history.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { SOON_MS } from '../../support/simulator.ts'
import { listen, sending } from '../../support/bot.ts'

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
    expect(failureOf(await sender.send(reply()))).toMatchObject({
      error: { code: 'CONNECTION_FAILED', retryable: true },
      isRefused: false,
    })
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
  it.each<[string, FailureMode, { code: string; retryable: boolean; isRefused: boolean }]>([
    ['an internal error', { http: 500, code: 5000 }, { code: 'REPLY_FAILED', retryable: true, isRefused: false }],
    ['a message that is being sent', { code: 230049 }, { code: 'REPLY_FAILED', retryable: true, isRefused: false }],
    ['a gateway error', { http: 502, code: 77 }, { code: 'REPLY_FAILED', retryable: true, isRefused: false }],
    [
      'a limit with status 200',
      { http: 200, code: 99991400 },
      { code: 'REPLY_FAILED', retryable: true, isRefused: true },
    ],
    [
      'a limit without a code of ours',
      { http: 429, code: 77 },
      { code: 'REPLY_FAILED', retryable: true, isRefused: true },
    ],
    ['a chat limit', { http: 400, code: 230020 }, { code: 'REPLY_FAILED', retryable: true, isRefused: true }],
    ['a bot that left', { http: 400, code: 230002 }, { code: 'REPLY_REFUSED', retryable: false, isRefused: true }],
    ['bad content', { http: 200, code: 230001 }, { code: 'REPLY_REFUSED', retryable: false, isRefused: true }],
    ['an unknown code', { http: 200, code: 77 }, { code: 'REPLY_REFUSED', retryable: false, isRefused: true }],
  ])('%s is told apart', async (_name, failure, { isRefused, ...expected }) => {
    const { simulator, sender, reply } = await sending()
    simulator.failNext({ call: 'reply', http: 400, ...failure })
    const { error, retryAfterMs, logId, ...rest } = failureOf(await sender.send(reply()))
    expect(error).toMatchObject(expected)
    expect(rest.isRefused).toBe(isRefused)
    expect(logId).toEqual(expect.any(String))
    expect(retryAfterMs).toBeUndefined()
    expect(await sender.send(reply())).toMatchObject({ kind: 'sent' })
  })

  it('carries the wait that the platform asks for, fractions of a second included', async () => {
    const { simulator, sender, reply } = await sending()
    simulator.failNext({ call: 'reply', retryAfterMs: 7_501 })
    expect(failureOf(await sender.send(reply()))).toMatchObject({
      error: { code: 'REPLY_FAILED', retryable: true },
      retryAfterMs: 7_501,
      limitOf: 'bot',
    })
  })

  it("tells the chat's own limit from the bot's", async () => {
    const { simulator, sender, reply } = await sending()
    simulator.failNext({ call: 'reply', http: 400, code: 230020 })
    expect(failureOf(await sender.send(reply())).limitOf).toBe('chat')
    simulator.failNext({ call: 'reply', http: 500 })
    expect(failureOf(await sender.send(reply())).limitOf).toBeUndefined()
  })

  it('before the connection stands is no try: Feishu cannot have carried it out', async () => {
    const { simulator, sender, reply } = await sending()
    await sender.send(reply('warm'))
    // The kept connection ends after this one was written to it.
    simulator.failNext({ call: 'reply', hang: true })
    const written = sender.send(reply())
    await simulator.once(entryOf('fault_applied'), SOON_MS)
    await simulator.stop()
    expect(failureOf(await written).isRefused).toBe(false)
    expect(failureOf(await sender.send(reply()))).toMatchObject({
      error: { code: 'CONNECTION_FAILED', message: expect.stringContaining('ECONNREFUSED') },
      isRefused: true,
    })
  })

  it.each([
    ['a page with status 200', 200, '<html>log in first</html>', 'REPLY_FAILED', false],
    ['a page with status 502', 502, '<html>bad gateway</html>', 'REPLY_FAILED', false],
    ['a page with status 404', 404, '<html>not here</html>', 'REPLY_REFUSED', true],
    ['a success without an id', 200, '{"code":0,"data":{}}', 'REPLY_FAILED', false],
  ])('%s is no answer of Feishu to rely on', async (_name, status, body, code, isRefused) => {
    const { url } = await listen(() =>
      createServer((request, response) => {
        if (request.url?.includes('token')) response.end('{"code":0,"tenant_access_token":"t-1","expire":7200}')
        else response.writeHead(status).end(body)
      }),
    )
    const { sender, reply } = await sending({ domain: url })
    expect(failureOf(await sender.send(reply()))).toMatchObject({ error: { code }, isRefused })
  })

  it('that is no answer at all ends at the deadline', async () => {
    const { simulator, sender, reply } = await sending({ timeoutMs: 200 })
    await sender.send(reply('warm'))
    simulator.failNext({ call: 'reply', hang: true })
    const { error, isRefused } = failureOf(await sender.send(reply()))
    expect(error).toMatchObject({
      code: 'CONNECTION_FAILED',
      retryable: true,
      message: expect.stringContaining('ETIMEDOUT'),
    })
    expect(isRefused).toBe(false)
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
    expect(wrong).toMatchObject({ error: { retryable: true }, isRefused: true, logId: expect.any(String) })
    simulator.failNext({ call: 'token', loseAnswer: true })
    const lost = failureOf(await sender.send(reply()))
    expect(lost).toMatchObject({ error: { code: 'CONNECTION_FAILED', retryable: true }, isRefused: true })
    simulator.failNext({ call: 'token', retryAfterMs: 2_000 })
    const limited = failureOf(await sender.send(reply()))
    expect(limited).toMatchObject({ error: { code: 'REPLY_FAILED' }, retryAfterMs: 2_000, isRefused: true })
    expect(JSON.stringify([wrong, lost, limited, logs])).not.toContain('canary-secret')
  })
})

describe('a reply whose message was withdrawn', () => {
  it.each([230011, 230019, 230110])('%i goes to its chat on its own, under the same uuid', async (code) => {
    const { simulator, sender, reply, posts } = await sending()
    simulator.failNext({ call: 'reply', http: 400, code })
    expect(await sender.send(reply())).toMatchObject({ kind: 'sent' })
    expect(posts()).toEqual([
      ['reply', 'u1', code],
      ['create', 'u1', 0],
    ])
    const created = simulator.history.entries.filter((entry) => entry.kind === 'message_created')
    expect(created).toMatchObject([{ chatId: 'oc_1', content: '{"text":"hello"}' }])
    expect(created[0]).not.toHaveProperty('replyTo')
  })

  it('is not sent on its own while an earlier try may have been shown', async () => {
    const { simulator, sender, reply, posts } = await sending()
    simulator.failNext({ call: 'reply', http: 400, code: 230011 })
    const failure = failureOf(await sender.send({ ...reply(), mayBeShown: true }))
    expect(failure).toMatchObject({ error: { code: 'REPLY_REFUSED', retryable: false }, isRefused: true })
    expect(posts()).toEqual([['reply', 'u1', 230011]])
  })

  it.each([230050, 230002])('but not for %i, which may change again or concerns the chat', async (code) => {
    const { simulator, sender, reply, count } = await sending()
    simulator.failNext({ call: 'reply', http: 400, code })
    expect(failureOf(await sender.send(reply())).error.code).toBe('REPLY_REFUSED')
    expect(count('message_created')).toBe(0)
  })

  it('is shown once when the answer to its second call is lost, and not tried as a reply again', async () => {
    const { simulator, sender, reply, posts, count } = await sending()
    simulator.failNext({ call: 'reply', http: 400, code: 230011 })
    simulator.failNext({ call: 'create', loseAnswer: true })
    expect(failureOf(await sender.send(reply())).isRefused).toBe(false)
    expect(await sender.send({ ...reply(), mayBeShown: true })).toMatchObject({ kind: 'sent' })
    expect(posts().map(([call]) => call)).toEqual(['reply', 'create', 'create'])
    expect(count('message_created')).toBe(1)
  })

  it('makes one further call only, whatever comes of it', async () => {
    const { simulator, sender, reply, posts } = await sending()
    simulator.failNext({ call: 'reply', http: 400, code: 230011 })
    simulator.failNext({ call: 'create', http: 400, code: 230011 })
    expect(failureOf(await sender.send(reply())).error).toMatchObject({ code: 'REPLY_REFUSED', retryable: false })
    expect(posts()).toHaveLength(2)
  })
})

describe('a message that answers none', () => {
  it.each([
    ['a chat', { type: 'chat_id', id: 'oc_1' }],
    ['a user', undefined],
  ] as const)('goes straight to %s, once per uuid', async (_name, given) => {
    const { app, sender, reply, posts, count } = await sending()
    const receiver = given ?? { type: 'open_id', id: userIds(app.appId, 'user_of_oc_1').open_id }
    const message = { ...reply(), messageId: null, receiver }
    const first = await sender.send(message)
    expect(first).toMatchObject({ kind: 'sent' })
    expect(await sender.send(message)).toEqual(first)
    expect(posts().map(([call]) => call)).toEqual(['create', 'create'])
    expect(count('message_created')).toBe(1)
  })

  it('refreshes its token as a reply does', async () => {
    const { simulator, app, sender, reply, count } = await sending()
    await sender.send(reply('warm'))
    simulator.revokeTokens(app.appId)
    expect(await sender.send({ ...reply(), messageId: null })).toMatchObject({ kind: 'sent' })
    expect(count('token_issued')).toBe(2)
  })
})
