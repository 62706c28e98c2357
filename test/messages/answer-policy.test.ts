import { describe, expect, it } from 'vitest'
import { addressed, isBotLoop, MAX_BOT_TURNS, skipReason } from '../../src/messages/handle/answer-policy.ts'
import { toInboundEvent } from '../../src/messages/inbound/to-inbound-event.ts'
import type { AnswerPolicy } from '../../src/protocol/model/bot-settings.ts'
import type { InboundMessage } from '../../src/protocol/model/inbound-message.ts'

const DEFAULT: AnswerPolicy = { groups: 'mentioned', bots: 'ignore' }
const base = { botId: 'a', eventId: 'e', createdAt: 1, raw: {} }

/** A message as Feishu sends it; `at` are the open ids of the bots it mentions. */
function message({ chatType = 'group', sender = 'user', at = [] as string[] } = {}): InboundMessage {
  const mentions = at.map((open_id, index) => ({
    key: `@_user_${index + 1}`,
    id: { open_id },
    mentioned_type: 'bot',
    name: 'x',
  }))
  const event = {
    sender: { sender_id: sender === 'user' ? { open_id: 'ou_tom' } : {}, sender_type: sender },
    message: {
      message_id: 'om_1',
      chat_id: 'oc_1',
      chat_type: chatType,
      message_type: 'text',
      content: '{"text":"hi"}',
      mentions,
    },
  }
  const parsed = toInboundEvent('a', 'im.message.receive_v1', JSON.stringify({ schema: '2.0', event }), 1)
  if (parsed.kind !== 'event' || parsed.event.kind !== 'message') throw new Error(JSON.stringify(parsed))
  return parsed.event
}

describe('in a group', () => {
  it('a bot answers when it is mentioned, and not when another bot is', () => {
    const of = (at: string[]) => skipReason(addressed(message({ at }), 'ou_me'), DEFAULT)
    expect([of(['ou_me']), of(['ou_other', 'ou_me']), of(['ou_other']), of([])]).toEqual([
      undefined,
      undefined,
      'not_mentioned',
      'not_mentioned',
    ])
  })

  it('a bot that does not know its own id yet takes every mention of a bot for its own', () => {
    expect(skipReason(addressed(message({ at: ['ou_other'] }), null), DEFAULT)).toBeUndefined()
    expect(skipReason(addressed(message(), null), DEFAULT)).toBe('not_mentioned')
  })

  it('a bot answers all, or none, if it is told so', () => {
    expect(skipReason(message(), { ...DEFAULT, groups: 'all' })).toBeUndefined()
    expect(skipReason(message({ at: ['ou_me'] }), { ...DEFAULT, groups: 'none' })).toBe('not_mentioned')
  })

  it('a chat with one person is no group', () => {
    expect(skipReason(message({ chatType: 'p2p' }), { ...DEFAULT, groups: 'none' })).toBeUndefined()
  })
})

describe('allow-lists', () => {
  const p2p = message({ chatType: 'p2p' })
  it.each([
    [{ chats: ['oc_1'] }, undefined],
    [{ chats: ['oc_2'] }, 'chat_not_allowed'],
    [{ chats: [] }, 'chat_not_allowed'],
    [{ users: ['ou_tom'] }, undefined],
    [{ users: ['ou_ann'] }, 'user_not_allowed'],
    [{ users: ['ou_tom'], chats: ['oc_2'] }, 'chat_not_allowed'],
  ])('%j', (lists, reason) => {
    expect(skipReason(p2p, { ...DEFAULT, ...lists })).toBe(reason)
  })

  it('hold for every kind of event: presses, menus and reactions have people and places too', () => {
    const menu = { ...base, kind: 'menu', eventKey: 'k', operatorOpenId: 'ou_tom', operatorName: '' } as const
    const action = { tag: '', name: '', value: {}, formValue: {} }
    const press = {
      ...base,
      kind: 'card_action',
      chatId: 'oc_1',
      operatorOpenId: 'ou_tom',
      updateToken: '',
      action,
    } as const
    expect(skipReason(menu, { ...DEFAULT, users: ['ou_ann'], chats: ['oc_2'] })).toBe('user_not_allowed')
    expect(skipReason(press, { ...DEFAULT, users: ['ou_tom'], chats: ['oc_2'] })).toBe('chat_not_allowed')
    expect(skipReason(press, { ...DEFAULT, groups: 'none' })).toBeUndefined()
    expect(skipReason({ ...base, kind: 'other', type: 'x' }, { ...DEFAULT, users: [], chats: [] })).toBeUndefined()
  })
})

describe('other bots', () => {
  const fromBot = message({ sender: 'app', chatType: 'p2p' })

  it('are not answered unless it is wanted', () => {
    expect(skipReason(fromBot, DEFAULT)).toBe('from_bot')
    // A list of people says nothing about bots.
    expect(skipReason(fromBot, { ...DEFAULT, bots: 'answer', users: ['ou_ann'] })).toBeUndefined()
  })

  it('cannot keep each other going: after so many turns without a person there is an end', () => {
    const person = message()
    const turns = (count: number) => Array.from({ length: count }, () => fromBot)
    expect(isBotLoop([person, ...turns(MAX_BOT_TURNS - 1)])).toBe(false)
    expect(isBotLoop(turns(MAX_BOT_TURNS - 1))).toBe(false)
    expect(isBotLoop([person, ...turns(MAX_BOT_TURNS)])).toBe(true)
    expect(isBotLoop([...turns(50), person])).toBe(false)
  })
})
