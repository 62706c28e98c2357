import { assert, json, oneof, option, property, string, uint8Array } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readWebhook, type WebhookReading } from '../../src/webhook/read-webhook.ts'
import { encrypted, KEYS, LEGACY_CARD, messageEnvelope, sign, signCard } from '../support/webhook.ts'

const APP = 'cli_00000000000000a1'
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5)
const HOUR_MS = 3_600_000
const UNSIGNED = { timestamp: null, nonce: null, signature: null }

const envelope = messageEnvelope(APP, { messageId: 'om_1', eventId: 'ev_1' })

function read(body: string | Uint8Array, signature: object = sign(body, NOW)): WebhookReading {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  return readWebhook({ ...UNSIGNED, ...signature, body: bytes }, { appId: APP, ...KEYS }, NOW)
}

describe('H2 and H3: a signed event', () => {
  it.each([
    ['encrypted', encrypted(JSON.stringify(envelope))],
    ['plain', JSON.stringify(envelope)],
    ['with spaces', JSON.stringify(envelope, null, 3)],
    ['after a byte order mark', `\uFEFF${JSON.stringify(envelope)}`],
    ['with escapes', JSON.stringify(envelope).replaceAll('h', '\\u0068').replaceAll('/', '\\/')],
    ['with a number written otherwise', JSON.stringify({ ...envelope, more: 0 }).replace('"more":0', '"more":1.0')],
    ['encrypted around three-byte characters', encrypted(JSON.stringify({ ...envelope, more: '中文' }))],
  ])('is taken %s', (_how, body) => {
    expect(read(body)).toMatchObject({ kind: 'event', envelope: { header: { event_id: 'ev_1' } } })
  })

  it('of version 1 is taken', () => {
    const v1 = {
      uuid: 'u1',
      token: KEYS.verificationToken,
      type: 'event_callback',
      event: { type: 'p2p_chat_create', app_id: APP },
    }
    expect(read(encrypted(JSON.stringify(v1)))).toMatchObject({ kind: 'event', envelope: { uuid: 'u1' } })
  })

  it('is what was encrypted, whatever stands beside it', () => {
    const body = JSON.stringify({ ...JSON.parse(encrypted(JSON.stringify(envelope))), event: { forged: true } })
    expect(read(body)).toEqual({ kind: 'event', envelope })
  })

  it.each([
    ['now', 0, 'event'],
    ['at the last redelivery', -7.2 * HOUR_MS, 'event'],
    ['too long ago', -8.1 * HOUR_MS, 'refused'],
    ['by a clock a little ahead', 4 * 60_000, 'event'],
    ['an hour ahead', HOUR_MS, 'refused'],
  ])('signed %s is %s', (_when, offsetMs, kind) => {
    const body = encrypted(JSON.stringify(envelope))
    expect(read(body, sign(body, NOW + offsetMs)).kind).toBe(kind)
  })
})

describe('H1: what is not Feishu’s', () => {
  const body = encrypted(JSON.stringify(envelope))
  const good = sign(body, NOW)
  const withHeader = (header: object) => encrypted(JSON.stringify({ ...envelope, header }))
  const header = (envelope as { header: object }).header

  it.each<[string, string | Uint8Array, object]>([
    ['no signature', body, UNSIGNED],
    ['no signature on a plain body', JSON.stringify(envelope), UNSIGNED],
    ['a signature with another key', body, sign(body, NOW, 'another')],
    ['a signature of another body', `${body} `, good],
    ['a blank signature', body, { ...good, signature: '' }],
    ['an upper-case signature', body, { ...good, signature: good.signature.toUpperCase() }],
    ['no timestamp', body, { ...good, timestamp: null }],
    ['no nonce', body, { ...good, nonce: null }],
    ['another nonce', body, { ...good, nonce: 'x' }],
  ])('%s is refused', (_what, bytes, signature) => {
    expect(read(bytes, signature)).toMatchObject({ kind: 'refused' })
  })

  it('a timestamp that is no time is refused though it is signed', () => {
    for (const timestamp of ['', 'soon', '-1', '1e9', '99999999999999999']) {
      const forged = { ...sign(body, NOW), timestamp }
      expect(read(body, forged)).toMatchObject({ kind: 'refused' })
    }
  })

  it.each<[string, string | Uint8Array]>([
    ['a wrong Verification Token', withHeader({ ...header, token: 'wrong' })],
    ['a blank Verification Token', withHeader({ ...header, token: '' })],
    ['no Verification Token', withHeader({ ...header, token: undefined })],
    ['a Verification Token in the prototype', withHeader({ ['__proto__']: { token: KEYS.verificationToken } })],
    ['another app', withHeader({ ...header, app_id: 'cli_00000000000000b2' })],
    ['ciphertext of another key', encrypted(JSON.stringify(envelope), 'another')],
    ['ciphertext of nothing', '{"encrypt":"AAAA"}'],
    ['an empty ciphertext', '{"encrypt":""}'],
    ['a number', '42'],
    ['null', 'null'],
    ['a list', '[]'],
    ['nothing', ''],
    ['what is no UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ])('%s is refused though it is signed', (_what, bytes) => {
    expect(read(bytes)).toMatchObject({ kind: 'refused' })
  })
})

describe('a press on a card in the older form', () => {
  const body = JSON.stringify(LEGACY_CARD, null, 1)

  it.each([
    ['plain', body],
    ['encrypted', encrypted(body)],
  ])('is taken %s, as one of the newer', (_how, bytes) => {
    expect(read(bytes, signCard(bytes, NOW))).toEqual({
      kind: 'legacy_card',
      envelope: {
        schema: '2.0',
        header: {
          event_id: expect.stringMatching(/^card_[0-9a-f]{64}$/),
          event_type: 'card.action.trigger',
          create_time: String(NOW),
          app_id: APP,
        },
        event: LEGACY_CARD,
      },
    })
  })

  it('is another press with every token', () => {
    const idOf = (token: string): unknown => {
      const bytes = JSON.stringify({ ...LEGACY_CARD, token })
      const reading = read(bytes, signCard(bytes, NOW))
      return reading.kind === 'legacy_card' && (reading.envelope as { header: { event_id: string } }).header.event_id
    }
    expect(idOf('c-1')).toBe(idOf('c-1'))
    expect(idOf('c-1')).not.toBe(idOf('c-2'))
  })

  it.each<[string, string, object]>([
    ['with another token', body, signCard(body, NOW, 'another')],
    ['with no token', body, signCard(body, NOW, '')],
    ['of another body', `${body} `, signCard(body, NOW)],
    ['an hour ago', body, signCard(body, NOW - HOUR_MS)],
    ['around an event', JSON.stringify(envelope), signCard(JSON.stringify(envelope), NOW)],
    ['around an encrypted event', encrypted(JSON.stringify(envelope)), { ...UNSIGNED }],
    ['around nothing', '{}', signCard('{}', NOW)],
  ])('signed %s is refused', (_what, bytes, signature) => {
    expect(read(bytes, signature)).toMatchObject({ kind: 'refused' })
  })
})

describe('the check of the URL', () => {
  const check = { challenge: 'c-1', token: KEYS.verificationToken, type: 'url_verification' }

  it.each([
    ['plain', JSON.stringify(check)],
    ['encrypted', encrypted(JSON.stringify(check))],
  ])('is answered %s and unsigned, as Feishu sends it', (_how, body) => {
    expect(read(body, UNSIGNED)).toEqual({ kind: 'challenge', challenge: 'c-1' })
  })

  it.each([
    ['a wrong token', { ...check, token: 'wrong' }],
    ['no token', { ...check, token: undefined }],
    ['no challenge', { ...check, challenge: 1 }],
    ['another type', { ...check, type: 'event_callback' }],
  ])('is not answered with %s', (_what, forged) => {
    expect(read(encrypted(JSON.stringify(forged)), UNSIGNED)).toMatchObject({ kind: 'refused' })
  })
})

it('lets no bytes in that are not signed, and throws at none', () => {
  const header = option(string(), { nil: null })
  const bodies = oneof(
    uint8Array({ maxLength: 200 }),
    json().map((text) => Buffer.from(text)),
    string().map((text) => Buffer.from(JSON.stringify({ encrypt: text }))),
    json().map((text) => Buffer.from(encrypted(text))),
  )
  assert(
    property(bodies, header, header, header, (body, timestamp, nonce, signature) => {
      expect(read(body, { timestamp, nonce, signature }).kind).toBe('refused')
    }),
    { numRuns: 500 },
  )
})

it('throws at nothing that is signed either', () => {
  const bodies = oneof(
    json(),
    string(),
    json().map((text) => encrypted(text)),
  )
  assert(
    property(bodies, (body) => {
      expect(['refused', 'event', 'challenge']).toContain(read(body).kind)
    }),
    { numRuns: 500 },
  )
})
