import { describe, expect, it } from 'vitest'
import { toFeishuEvent } from '../../src/protocol/model/feishu-event.ts'

const RECEIVED = 1_700_000_000_999

function message(more: object = {}, header: object = {}): object {
  return {
    schema: '2.0',
    header: { event_id: 'e1', event_type: 'im.message.receive_v1', create_time: '1700000000111', ...header },
    event: { message: { message_id: 'om_1', chat_id: 'oc_1', create_time: '1700000000000', ...more } },
  }
}

describe('a message', () => {
  it('is read from a version 2 envelope', () => {
    const envelope = message()
    expect(toFeishuEvent(envelope, RECEIVED)).toEqual({
      dedupeKey: 'm:om_1',
      eventId: 'e1',
      receivedAt: RECEIVED,
      type: 'im.message.receive_v1',
      lane: 'oc_1',
      createdAt: 1_700_000_000_000,
      payload: JSON.stringify(envelope),
    })
  })

  it('keeps its key when it is pushed again under another event id', () => {
    const again = toFeishuEvent(message({}, { event_id: 'e2' }), RECEIVED)
    expect(again.dedupeKey).toBe('m:om_1')
  })

  it.each([
    ['no message id', { message_id: undefined }],
    ['an empty message id', { message_id: '' }],
    ['a message id that is no text', { message_id: 7 }],
  ])('falls back to the event id with %s', (_name, more) => {
    expect(toFeishuEvent(message(more), RECEIVED).dedupeKey).toBe('e:e1')
  })
})

describe('other events', () => {
  it('are read from a version 1 envelope', () => {
    const envelope = { uuid: 'u1', token: 't', ts: '1.2', type: 'event_callback', event: { type: 'app_open' } }
    expect(toFeishuEvent(envelope, RECEIVED)).toMatchObject({
      dedupeKey: 'e:u1',
      eventId: 'u1',
      type: 'app_open',
      lane: 'app_open',
      createdAt: RECEIVED,
    })
  })

  it('give microseconds when a card is clicked', () => {
    const envelope = {
      header: { event_id: 'e9', event_type: 'card.action.trigger', create_time: '1700000000123456' },
      event: { context: { open_chat_id: 'oc_9', open_message_id: 'om_card' } },
    }
    expect(toFeishuEvent(envelope, RECEIVED)).toMatchObject({
      dedupeKey: 'e:e9',
      lane: 'card:e9',
      createdAt: 1_700_000_000_123,
    })
  })

  it('share a message id without sharing its key', () => {
    const read = {
      header: { event_id: 'e3', event_type: 'im.message.recalled_v1' },
      event: { chat_id: 'oc_1', message_id: 'om_1' },
    }
    expect(toFeishuEvent(read, RECEIVED)).toMatchObject({ dedupeKey: 'e:e3', lane: 'oc_1' })
  })
})

describe('an envelope of an unknown shape', () => {
  it.each<[string, unknown]>([
    ['null', null],
    ['undefined', undefined],
    ['a text', 'x'],
    ['a number', 7],
    ['a list', [1]],
    ['an empty object', {}],
    ['fields of wrong types', { header: 'x', event: [], uuid: 3 }],
  ])('is kept under its hash: %s', (_name, envelope) => {
    const event = toFeishuEvent(envelope, RECEIVED)
    expect(event).toMatchObject({ eventId: '', type: 'unknown', lane: 'unknown', createdAt: RECEIVED })
    expect(event.dedupeKey).toMatch(/^h:[0-9a-f]{64}$/)
    expect(toFeishuEvent(structuredClone(envelope), RECEIVED + 1).dedupeKey).toBe(event.dedupeKey)
    expect(toFeishuEvent({ other: 1 }, RECEIVED).dedupeKey).not.toBe(event.dedupeKey)
  })

  it.each(['x', '-5', '0', ''])('takes the time of arrival for the time "%s"', (time) => {
    const envelope = message({ create_time: time }, { create_time: undefined })
    expect(toFeishuEvent(envelope, RECEIVED).createdAt).toBe(RECEIVED)
  })

  it('answers nothing from a prototype', () => {
    const envelope: unknown = JSON.parse(
      '{"__proto__":{"header":{"event_id":"p","event_type":"im.message.receive_v1"}},"event":{"__proto__":{"chat_id":"p"}}}',
    )
    expect(toFeishuEvent(envelope, RECEIVED)).toMatchObject({ eventId: '', type: 'unknown', lane: 'unknown' })
    const inherited = Object.create({ header: { event_id: 'p' }, uuid: 'p' })
    expect(toFeishuEvent(inherited, RECEIVED).eventId).toBe('')
  })
})
