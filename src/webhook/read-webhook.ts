import { createDecipheriv, createHash, timingSafeEqual } from 'node:crypto'
import { asObject } from '../core/as-object.ts'
import type { WebhookRequest } from '../protocol/host.ts'
import { fromLegacyCard } from './legacy-card.ts'

export interface WebhookKeys {
  readonly appId: string
  readonly encryptKey: string
  readonly verificationToken: string
}

export type WebhookReading =
  | { readonly kind: 'event'; readonly envelope: unknown }
  /** A card action in the older form. Its answer has an older form too. */
  | { readonly kind: 'legacy_card'; readonly envelope: unknown }
  /** Feishu checks the URL and expects `challenge` in the answer. */
  | { readonly kind: 'challenge'; readonly challenge: string }
  /** `reason` is for the log. The sender does not get it. */
  | { readonly kind: 'refused'; readonly reason: string }

/**
 * Largest age of a signature. Feishu redelivers for about 7.1 h (15 s, 5 min, 1 h, 6 h) and does not document whether
 * it signs again, so a shorter window could lose events. A replay within the window is a duplicate for the inbox,
 * which remembers every event for at least 24 h.
 */
const MAX_AGE_MS = 8 * 3_600_000

/** Largest lead of the sender's clock. */
const MAX_AHEAD_MS = 5 * 60_000

/** Largest age of a card action's signature. Card actions are not redelivered. */
const MAX_CARD_AGE_MS = 5 * 60_000

/** Number of hexadecimal digits of a SHA-1. */
const LEGACY_SIGNATURE_LENGTH = 40

const IV_BYTES = 16

/**
 * Decides whether a request comes from Feishu. Pure. The signature covers the raw bytes. Of unsigned bodies only the
 * URL check is accepted, because Feishu does not sign it: it has to carry the Verification Token.
 */
export function readWebhook(request: WebhookRequest, keys: WebhookKeys, now: number): WebhookReading {
  const isSigned = request.signature !== null
  const isLegacy = request.signature?.length === LEGACY_SIGNATURE_LENGTH
  if (isSigned) {
    const flaw = isLegacy
      ? (signatureFlaw(request, 'sha1', keys.verificationToken) ?? ageFlaw(request, MAX_CARD_AGE_MS, now))
      : (signatureFlaw(request, 'sha256', keys.encryptKey) ?? ageFlaw(request, MAX_AGE_MS, now))
    if (flaw !== undefined) return refused(flaw)
  }
  let envelope: Readonly<Record<string, unknown>>
  try {
    envelope = readBody(request.body, keys.encryptKey)
  } catch {
    return refused('the body cannot be read with this Encrypt Key')
  }
  // Feishu signs these with the Verification Token alone, so this signature is accepted for card actions only.
  if (isLegacy && own(envelope, 'type') !== 'url_verification') {
    const { body: bytes, timestamp } = request
    const card = fromLegacyCard(envelope, { bytes, appId: keys.appId, timestamp: timestamp ?? '' })
    return card === undefined
      ? refused('a SHA-1 signature is for card actions only')
      : { kind: 'legacy_card', envelope: card }
  }
  const header = asObject(own(envelope, 'header'))
  const token = own(header, 'token') ?? own(envelope, 'token')
  if (typeof token !== 'string' || !isSame(token, keys.verificationToken)) return refused('wrong Verification Token')
  if (own(envelope, 'type') === 'url_verification') {
    const challenge = own(envelope, 'challenge')
    return typeof challenge === 'string' ? { kind: 'challenge', challenge } : refused('the URL check has no challenge')
  }
  if (!isSigned) return refused('the request is not signed')
  const appId = own(header, 'app_id') ?? own(asObject(own(envelope, 'event')), 'app_id')
  if (appId !== undefined && appId !== keys.appId) return refused('the event belongs to another app')
  return { kind: 'event', envelope }
}

function signatureFlaw(request: WebhookRequest, hash: 'sha1' | 'sha256', key: string): string | undefined {
  const { timestamp, nonce, signature, body } = request
  if (timestamp === null || nonce === null || signature === null) return 'a signature header is missing'
  const wanted = createHash(hash).update(timestamp).update(nonce).update(key).update(body).digest('hex')
  return isSame(signature, wanted) ? undefined : 'wrong signature'
}

/** Checks the age of `timestamp`, which is in seconds. The signature covers its text; the number only gives the age. */
function ageFlaw({ timestamp }: WebhookRequest, maxAgeMs: number, now: number): string | undefined {
  const ageMs = /^\d{1,12}$/.test(timestamp ?? '') ? now - Number(timestamp) * 1_000 : Number.NaN
  return ageMs <= maxAgeMs && ageMs >= -MAX_AHEAD_MS
    ? undefined
    : 'the signature is too old, or its time is ahead of this clock'
}

/** Reads the body. Of an encrypted body only the encrypted part counts: any sender can add fields beside it. Throws on a value that is no object. */
function readBody(body: Uint8Array, encryptKey: string): Readonly<Record<string, unknown>> {
  const outer = parse(body)
  const encrypted = own(outer, 'encrypt')
  return typeof encrypted === 'string' ? parse(decrypt(encrypted, encryptKey)) : outer
}

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  // TextDecoder drops a byte order mark and throws on invalid UTF-8.
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object')
  return value as Readonly<Record<string, unknown>>
}

/** AES-256-CBC with PKCS #7. The key is the SHA-256 of the Encrypt Key. The IV comes first (Feishu's documentation). */
function decrypt(encrypted: string, encryptKey: string): Uint8Array {
  const bytes = Buffer.from(encrypted, 'base64')
  const key = createHash('sha256').update(encryptKey).digest()
  const decipher = createDecipheriv('aes-256-cbc', key, bytes.subarray(0, IV_BYTES))
  return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES)), decipher.final()])
}

/** Compares in constant time: neither the position of a difference nor the lengths change it. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(wanted))
}

/** An own property only, so that a prototype never supplies a field of the wire. */
function own(of: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(of, name) ? of[name] : undefined
}

function refused(reason: string): WebhookReading {
  return { kind: 'refused', reason }
}
