import { describe, expect, it } from 'vitest'
import { replyUuid } from '../../src/messages/reply-uuid.ts'
import { afterFailedRun, afterFailedSend, beforeRun, type RetryPolicy } from '../../src/messages/retry-policy.ts'
import { toInboundMessage } from '../../src/messages/to-inbound-message.ts'
import { messageEvent } from './dispatcher-bench.ts'

const policy: RetryPolicy = { maxAttempts: 3, backoff: { firstMs: 1_000, maxMs: 3_000, factor: 2, jitter: 0.2 } }
const error = { code: 'HANDLER_UNLOADABLE', message: 'no', retryable: false } as const

describe('retry policy', () => {
  it('retries any failed run, also a handler that cannot be loaded, and buries after the last', () => {
    expect(afterFailedRun(1, error, policy, 0.5)).toMatchObject({ kind: 'retry', afterMs: 1_000 })
    expect(afterFailedRun(2, error, policy, 0.5)).toMatchObject({ kind: 'retry', afterMs: 2_000 })
    expect(afterFailedRun(3, error, policy, 0.5)).toMatchObject({ kind: 'dead', reason: 'attempts_exhausted' })
  })

  it('allows the last attempt and none after it', () => {
    expect(beforeRun(3, policy)).toBeUndefined()
    expect(beforeRun(4, policy)).toMatchObject({ kind: 'dead', reason: 'attempts_exhausted' })
  })

  it.each([
    [5_000, 5_000],
    [10, 1_000],
    [Number.NaN, 1_000],
    [-1, 1_000],
    [1e12, 3_600_000],
  ])('a send asked to wait %d ms waits %d', (retryAfterMs, afterMs) => {
    const failure = { error: { ...error, retryable: true }, retryAfterMs }
    expect(afterFailedSend(1, failure, policy, 0.5)).toMatchObject({ kind: 'retry', afterMs })
  })

  it("keeps Feishu's log id with a dead reply", () => {
    expect(afterFailedSend(1, { error, logId: 'l1' }, policy, 0.5)).toMatchObject({ reason: 'refused', logId: 'l1' })
  })
})

describe('reply uuid', () => {
  it('is stable, short enough and different for every bot, event and part', () => {
    // A changed value would show every reply twice that a crash left between two versions.
    expect(replyUuid('a', 'm:1', 0)).toBe('hie7-6-lHEieMFq8DNIWbxoNqR3j3loGrVO1j5ko10s')
    const uuids = [
      replyUuid('a', 'm:1', 0),
      replyUuid('a', 'm:1', 1),
      replyUuid('a', 'm:2', 0),
      replyUuid('am:', '1', 0),
      replyUuid('b', 'm:1', 0),
    ]
    expect(new Set(uuids).size).toBe(uuids.length)
    for (const uuid of uuids) expect(uuid).toMatch(/^[\w-]{20,50}$/)
  })
})

describe('inbound message', () => {
  const parse = (payload: string) => toInboundMessage('a', payload, 42)
  const withMessage = (fields: object): string => {
    const envelope = JSON.parse(messageEvent('c', 'm1', 'hello').payload)
    Object.assign(envelope.event.message, fields)
    return JSON.stringify(envelope)
  }

  it('reads a text message', () => {
    expect(parse(messageEvent('c', 'm1', 'hello').payload)).toEqual({
      kind: 'message',
      message: {
        botId: 'a',
        messageId: 'm1',
        chatId: 'c',
        chatType: 'p2p',
        messageType: 'text',
        text: 'hello',
        content: { text: 'hello' },
        senderOpenId: 'ou_1',
        createdAt: 1_700_000_000_000,
      },
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
    expect(parse(payload)).toMatchObject({ kind: 'bad', reason: expect.stringMatching(/\w/) })
  })

  it.each(['{', '"text"', 'null', '[1]'])('content %s becomes an empty object', (content) => {
    expect(parse(withMessage({ content }))).toMatchObject({ message: { content: {}, text: '' } })
  })

  it('takes the time of arrival for a missing or absurd time', () => {
    expect(parse(withMessage({ create_time: undefined }))).toMatchObject({ message: { createdAt: 42 } })
    expect(parse(withMessage({ create_time: '-1e99' }))).toMatchObject({ message: { createdAt: 42 } })
  })

  it('drops keys that would change a prototype when copied', () => {
    const parsed = parse(
      withMessage({ content: '{"text":"x","__proto__":{"isAdmin":true},"a":{"__proto__":{"b":1}}}' }),
    )
    if (parsed.kind !== 'message') throw new Error(parsed.reason)
    expect(Object.keys(parsed.message.content)).toEqual(['text', 'a'])
    expect(Object.assign({}, parsed.message.content['a'])).not.toHaveProperty('b')
  })
})
