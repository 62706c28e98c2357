import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/time/clock.ts'
import { CardStore } from '../../src/simulator/cards/card-store.ts'
import { History } from '../../src/simulator/history/history.ts'
import { ChatStore } from '../../src/simulator/messages/chat-store.ts'
import { TimerSet } from '../../src/simulator/shared/timer-set.ts'
import { TokenIssuer } from '../../src/simulator/open-api/token-issuer.ts'

const MINUTE_MS = 60_000
const appId = 'cli_0000000000000001'

describe('TokenDesk', () => {
  it('returns the same token while 30 minutes remain', () => {
    let now = 0
    const issuer = new TokenIssuer({ now: () => now })
    const first = issuer.issue(appId)
    expect(first).toMatchObject({ expiresInSeconds: 7200, reused: false })
    now = 90 * MINUTE_MS
    expect(issuer.issue(appId)).toEqual({ token: first.token, expiresInSeconds: 1800, reused: true })
  })

  it('issues a new token below 30 minutes and keeps the old one valid to its end', () => {
    let now = 0
    const issuer = new TokenIssuer({ now: () => now })
    const first = issuer.issue(appId)
    now = 91 * MINUTE_MS
    const second = issuer.issue(appId)
    expect(second).toMatchObject({ expiresInSeconds: 7200, reused: false })
    expect(second.token).not.toBe(first.token)
    expect(issuer.appOf(first.token)).toBe(appId)
    now = 120 * MINUTE_MS
    expect(issuer.appOf(first.token)).toBeUndefined()
    expect(issuer.appOf(second.token)).toBe(appId)
  })
})

describe('TimerSet', () => {
  it('runs nothing any more once stopped', async () => {
    const timers = new TimerSet()
    const ran: string[] = []
    timers.after(0, () => ran.push('owed'))
    timers.stop()
    timers.after(0, () => ran.push('asked later'))
    // Equal delays end in order, so both would have run before this.
    await new Promise<void>((resolve) => systemClock.after(0, resolve))
    expect(ran).toEqual([])
  })
})

describe('MessageBoard', () => {
  const message = { appId, chatId: 'oc_1', text: 'hi' }
  const reply = { msg_type: 'text', content: '{"text":"hello"}', uuid: 'u-1' }

  function chatsWithMessage() {
    const clock = { at: 0, now: () => clock.at }
    const chats = new ChatStore(clock, new CardStore(new History(), clock))
    const { stored } = chats.addUserMessage(message)
    return { chats, clock, messageId: stored.messageId }
  }

  const idOf = (result: ReturnType<ChatStore['reply']>) => (result.ok ? result.data.message.messageId : result.code)

  it('guards a uuid for an hour', () => {
    const { chats, clock, messageId } = chatsWithMessage()
    const first = chats.reply(appId, messageId, reply)
    expect(first).toMatchObject({ ok: true, data: { isRepeated: false } })
    clock.at = 60 * MINUTE_MS - 1
    const repeated = chats.reply(appId, messageId, reply)
    expect(repeated).toMatchObject({ ok: true, data: { isRepeated: true } })
    expect(idOf(repeated)).toBe(idOf(first))
    clock.at = 60 * MINUTE_MS
    expect(chats.reply(appId, messageId, reply)).toMatchObject({ ok: true, data: { isRepeated: false } })
  })

  it('does not guard without a uuid', () => {
    const { chats, messageId } = chatsWithMessage()
    const { uuid: _, ...bare } = reply
    expect(idOf(chats.reply(appId, messageId, bare))).not.toBe(idOf(chats.reply(appId, messageId, bare)))
  })

  it.each([
    ['a uuid of 51 characters', { uuid: 'x'.repeat(51) }, 99992402],
    ['content that is not JSON', { content: 'hello' }, 230001],
    ['an unknown msg_type', { msg_type: 'telegram' }, 230001],
    ['a text above 150 KB', { content: JSON.stringify({ text: 'x'.repeat(150 * 1024) }) }, 230025],
    ['a card above 30 KB', { msg_type: 'interactive', content: JSON.stringify({ a: 'x'.repeat(30 * 1024) }) }, 230025],
  ])('refuses %s', (_name, change, code) => {
    const { chats, messageId } = chatsWithMessage()
    expect(chats.reply(appId, messageId, { ...reply, ...change })).toMatchObject({ ok: false, code })
  })

  it('takes a uuid of 50 characters', () => {
    const { chats, messageId } = chatsWithMessage()
    expect(chats.reply(appId, messageId, { ...reply, uuid: 'x'.repeat(50) }).ok).toBe(true)
  })

  it('counts the user messages of each chat', () => {
    const { chats } = chatsWithMessage()
    const add = (chatId: string) => chats.addUserMessage({ ...message, chatId }).index
    expect([add('oc_1'), add('oc_2'), add('oc_1')]).toEqual([1, 0, 2])
  })

  it('names the thread of a reply to a reply', () => {
    const { chats, messageId } = chatsWithMessage()
    const first = idOf(chats.reply(appId, messageId, reply))
    const second = chats.reply(appId, String(first), { ...reply, uuid: 'u-2' })
    expect(second).toMatchObject({ data: { message: { rootId: messageId, parentId: first, chatId: 'oc_1' } } })
  })
})
