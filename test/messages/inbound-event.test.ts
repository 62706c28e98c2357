import { describe, expect, it } from 'vitest'
import { replyTarget } from '../../src/messages/reply/reply-target.ts'
import { kindOf, toInboundEvent } from '../../src/messages/inbound/to-inbound-event.ts'
import type { InboundEvent } from '../../src/protocol/model/inbound-event.ts'
import { messageEvent } from './dispatcher-bench.ts'

const ARRIVED_AT = 42

function v2(type: string, event: object, header: object = {}): string {
  return JSON.stringify({
    schema: '2.0',
    header: { event_id: 'e1', event_type: type, create_time: '1700000000000', token: 'v', ...header },
    event,
  })
}

function parse(type: string, payload: string): InboundEvent {
  const parsed = toInboundEvent('a', type, payload, ARRIVED_AT)
  if (parsed.kind === 'bad') throw new Error(parsed.reason)
  return parsed.event
}

const OPERATOR = { union_id: 'on_1', user_id: 'u1', open_id: 'ou_1' }
const BASE = { botId: 'a', eventId: 'e1', createdAt: 1_700_000_000_000 }

interface Case {
  readonly type: string
  readonly event: Record<string, unknown>
  readonly read: object
  /** The messages and receivers of its replies; absent: nobody to answer. */
  readonly target?: { readonly messageId: string | null; readonly receiver: { type: string; id: string } }
  /** Fields without which it is bad, as the reason names them. */
  readonly required: readonly string[]
}

const CASES: readonly Case[] = [
  {
    type: 'im.message.reaction.created_v1',
    event: {
      message_id: 'om_1',
      reaction_type: { emoji_type: 'THUMBSUP' },
      operator_type: 'user',
      user_id: OPERATOR,
      action_time: '1700000000500',
    },
    read: {
      kind: 'reaction',
      change: 'added',
      messageId: 'om_1',
      emojiType: 'THUMBSUP',
      operatorType: 'user',
      operatorOpenId: 'ou_1',
      createdAt: 1_700_000_000_500,
    },
    target: { messageId: null, receiver: { type: 'open_id', id: 'ou_1' } },
    required: ['message_id', 'reaction_type.emoji_type', 'user_id.open_id'],
  },
  {
    type: 'im.message.reaction.deleted_v1',
    event: { message_id: 'om_1', reaction_type: { emoji_type: 'OK' }, operator_type: 'app', app_id: 'cli_1' },
    read: { kind: 'reaction', change: 'removed', emojiType: 'OK', operatorType: 'app', operatorOpenId: '' },
    required: ['message_id', 'reaction_type.emoji_type'],
  },
  {
    type: 'im.chat.member.bot.added_v1',
    event: { chat_id: 'oc_1', operator_id: OPERATOR, external: true, operator_tenant_key: 't', name: 'Room' },
    read: { kind: 'bot_added', chatId: 'oc_1', operatorOpenId: 'ou_1', isExternal: true, name: 'Room' },
    target: { messageId: null, receiver: { type: 'chat_id', id: 'oc_1' } },
    required: ['chat_id', 'operator_id.open_id'],
  },
  {
    type: 'im.chat.member.bot.deleted_v1',
    event: { chat_id: 'oc_1', operator_id: OPERATOR },
    read: { kind: 'bot_removed', chatId: 'oc_1', operatorOpenId: 'ou_1', isExternal: false, name: '' },
    target: { messageId: null, receiver: { type: 'open_id', id: 'ou_1' } },
    required: ['chat_id', 'operator_id.open_id'],
  },
  {
    type: 'im.chat.access_event.bot_p2p_chat_entered_v1',
    event: {
      chat_id: 'oc_1',
      operator_id: OPERATOR,
      last_message_id: 'om_9',
      last_message_create_time: '1690000000000',
    },
    read: {
      kind: 'p2p_entered',
      chatId: 'oc_1',
      operatorOpenId: 'ou_1',
      lastMessageId: 'om_9',
      lastMessageAt: 1_690_000_000_000,
    },
    target: { messageId: null, receiver: { type: 'chat_id', id: 'oc_1' } },
    required: ['chat_id', 'operator_id.open_id'],
  },
  {
    type: 'application.bot.menu_v6',
    event: { operator: { operator_name: 'Tom', operator_id: OPERATOR }, event_key: 'help', timestamp: 1_700_000_000 },
    read: { kind: 'menu', eventKey: 'help', operatorOpenId: 'ou_1', operatorName: 'Tom' },
    target: { messageId: null, receiver: { type: 'open_id', id: 'ou_1' } },
    required: ['event_key', 'operator.operator_id.open_id'],
  },
  {
    type: 'card.action.trigger',
    event: {
      operator: { tenant_key: 't', ...OPERATOR },
      token: 'c-1',
      action: {
        value: { act: 'stop' },
        tag: 'button',
        name: 'btn1',
        form_value: { in1: 'x' },
        input_value: 'x',
        option: 'o',
        options: ['a'],
        checked: true,
      },
      host: 'im_message',
      context: { url: '', preview_token: '', open_message_id: 'om_5', open_chat_id: 'oc_1' },
    },
    read: {
      kind: 'card_action',
      chatId: 'oc_1',
      messageId: 'om_5',
      operatorOpenId: 'ou_1',
      updateToken: 'c-1',
      action: {
        tag: 'button',
        name: 'btn1',
        value: { act: 'stop' },
        formValue: { in1: 'x' },
        inputValue: 'x',
        option: 'o',
        options: ['a'],
        isChecked: true,
      },
    },
    target: { messageId: null, receiver: { type: 'chat_id', id: 'oc_1' } },
    required: ['operator.open_id', 'action'],
  },
  {
    type: 'im.message.recalled_v1',
    event: { message_id: 'om_1', chat_id: 'oc_1', recall_time: '1', recall_type: 'message_owner' },
    read: { kind: 'other', type: 'im.message.recalled_v1', chatId: 'oc_1' },
    target: { messageId: null, receiver: { type: 'chat_id', id: 'oc_1' } },
    required: [],
  },
]

describe.each(CASES)('$type', ({ type, event, read, target, required }) => {
  it('is read in our own words, with the event as it was', () => {
    const parsed = parse(type, v2(type, event))
    expect(parsed).toMatchObject({ ...BASE, ...read })
    expect(parsed.raw).toEqual(event)
    expect(kindOf(type)).toBe(parsed.kind)
  })

  it('says whom a reply goes to', () => {
    expect(replyTarget(parse(type, v2(type, event)))).toEqual(target)
  })

  it.each(required)('is bad without %s, and says so', (path) => {
    const broken = structuredClone(event)
    const [last, ...outer] = path.split('.').toReversed() as [string, ...string[]]
    let holder = broken
    for (const name of outer.toReversed()) holder = holder[name] as Record<string, unknown>
    delete holder[last]
    expect(toInboundEvent('a', type, v2(type, broken), ARRIVED_AT)).toEqual({
      kind: 'bad',
      reason: `event.${path} is missing`,
    })
  })
})

it('a v1 envelope has its id and time at the top', () => {
  const payload = JSON.stringify({
    ts: '1502199207.7171419',
    uuid: 'u1',
    token: 'v',
    type: 'event_callback',
    event: { type: 'p2p_chat_create', chat_id: 'oc_1', operator: { open_id: 'ou_1', user_id: 'u' }, user: {} },
  })
  expect(parse('p2p_chat_create', payload)).toMatchObject({
    kind: 'p2p_entered',
    eventId: 'u1',
    createdAt: 1_502_199_207_717,
    chatId: 'oc_1',
    operatorOpenId: 'ou_1',
  })
})

it.each([
  ['milliseconds', '1700000000000', 1_700_000_000_000],
  ['microseconds', '1603977298000000', 1_603_977_298_000],
  ['nonsense', '-1e99', ARRIVED_AT],
  ['a number', 5, ARRIVED_AT],
])('time in %s', (_name, create_time, expected) => {
  expect(parse('x', v2('x', {}, { create_time })).createdAt).toBe(expected)
})

it('a card outside a chat is answered in the p2p chat of whoever pressed', () => {
  const event = parse('card.action.trigger', v2('card.action.trigger', { operator: OPERATOR, action: {} }))
  expect(event).not.toHaveProperty('chatId')
  expect(replyTarget(event)).toEqual({ messageId: null, receiver: { type: 'open_id', id: 'ou_1' } })
})

describe('a message', () => {
  const TYPE = 'im.message.receive_v1'
  const withMessage = (fields: object, event: object = {}): string => {
    const envelope = JSON.parse(messageEvent('c', 'm1', 'hello').payload)
    Object.assign(envelope.event.message, fields)
    Object.assign(envelope.event, event)
    return JSON.stringify(envelope)
  }

  it('is read with everything that names it', () => {
    const payload = messageEvent('c', 'm1', 'hello').payload
    expect(parse(TYPE, payload)).toEqual({
      kind: 'message',
      botId: 'a',
      eventId: '',
      messageId: 'm1',
      chatId: 'c',
      chatType: 'p2p',
      messageType: 'text',
      text: 'hello',
      content: { text: 'hello' },
      senderType: 'user',
      senderOpenId: 'ou_1',
      createdAt: 1_700_000_000_000,
      mentions: [],
      isBotMentioned: false,
      isAllMentioned: false,
      resources: [],
      raw: JSON.parse(payload).event,
    })
    expect(replyTarget(parse(TYPE, payload))).toEqual({
      messageId: 'm1',
      receiver: { type: 'chat_id', id: 'c' },
    })
  })

  it('names its mentions, its topic and what it replies to', () => {
    const payload = withMessage({
      chat_type: 'group',
      root_id: 'om_r',
      parent_id: 'om_p',
      thread_id: 'omt_1',
      content: '{"text":"@_user_1 ask @_user_2 and @_all"}',
      mentions: [
        { key: '@_user_1', id: { open_id: 'ou_bot', user_id: '' }, mentioned_type: 'bot', name: 'Helper' },
        { key: '@_user_2', id: { open_id: 'ou_t', user_id: 'x' }, mentioned_type: 'user', name: 'Tom' },
      ],
    })
    expect(parse(TYPE, payload)).toMatchObject({
      chatType: 'group',
      rootId: 'om_r',
      parentId: 'om_p',
      threadId: 'omt_1',
      isBotMentioned: true,
      isAllMentioned: true,
      mentions: [
        { key: '@_user_1', name: 'Helper', openId: 'ou_bot', isBot: true },
        { key: '@_user_2', name: 'Tom', openId: 'ou_t', userId: 'x', isBot: false },
      ],
    })
  })

  it.each([
    ['no JSON', '{'],
    ['null', 'null'],
    ['a list', '[]'],
    ['an empty envelope', '{}'],
    ['an id that is no text', withMessage({ message_id: 5 })],
    ['no chat', withMessage({ chat_id: '' })],
    ['no type', withMessage({ message_type: null })],
    ['brackets without end', `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
  ])('names what is wrong with %s', (_name, payload) => {
    expect(toInboundEvent('a', TYPE, payload, ARRIVED_AT)).toMatchObject({
      kind: 'bad',
      reason: expect.stringMatching(/\w/),
    })
  })

  it.each([{ mentions: 5 }, { mentions: [null, 5, {}] }, { root_id: {} }])('bears %j', (fields) => {
    expect(parse(TYPE, withMessage(fields))).toMatchObject({ kind: 'message', isBotMentioned: false })
  })

  it('bears a missing sender', () => {
    expect(parse(TYPE, withMessage({}, { sender: null }))).toMatchObject({ senderOpenId: '' })
  })

  it.each(['{', '"text"', 'null', '[1]'])('content %s becomes an empty object', (content) => {
    expect(parse(TYPE, withMessage({ content }))).toMatchObject({ content: {}, text: '' })
  })

  it('takes the time of arrival for a missing or absurd time', () => {
    expect(parse(TYPE, withMessage({ create_time: undefined })).createdAt).toBe(ARRIVED_AT)
    expect(parse(TYPE, withMessage({ create_time: '-1e99' })).createdAt).toBe(ARRIVED_AT)
  })
})

it.each([
  ['as they are', '__proto__'],
  ['with escapes', String.raw`\u005f_pr\u006fto__`],
])('drops keys that would change a prototype when copied, written %s', (_how, key) => {
  const payload = v2('x', {}).replace('"event":{}', `"event":{"a":1,"${key}":{"b":1},"c":{"${key}":{"d":1}}}`)
  const { raw } = parse('x', payload)
  expect(Object.keys(raw)).toEqual(['a', 'c'])
  expect(Object.assign({}, raw['c'])).not.toHaveProperty('d')
})
