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
  /** A press on a card in the older form, which has an answer of its own form too. */
  | { readonly kind: 'legacy_card'; readonly envelope: unknown }
  /** Feishu checks the URL: it wants this back. */
  | { readonly kind: 'challenge'; readonly challenge: string }
  /** For the log; whoever asked learns nothing of it. */
  | { readonly kind: 'refused'; readonly reason: string }

/**
 * How old a signature may be. Feishu redelivers for about 7.1 h (15 s, 5 min, 1 h, 6 h) and does not document
 * whether it signs anew, so a shorter window could lose events. Within it a replay is a duplicate to the inbox,
 * which remembers every event for at least 24 h.
 */
const MAX_AGE_MS = 8 * 3_600_000

/** Clocks differ. */
const MAX_AHEAD_MS = 5 * 60_000

/** Presses on cards are not pushed again. */
const MAX_CARD_AGE_MS = 5 * 60_000

/** Hexadecimal digits of a SHA-1. */
const LEGACY_SIGNATURE_LENGTH = 40

const IV_BYTES = 16

/**
 * Decides whether a request is Feishu's. Pure. The signature covers the raw bytes, and nothing of an unsigned body
 * is used but the check of the URL, which Feishu does not sign: it has to carry the Verification Token.
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
  // Signed with the Verification Token alone, as Feishu does it: that opens the way to presses on cards and to nothing else.
  if (isLegacy && own(envelope, 'type') !== 'url_verification') {
    const { body: bytes, timestamp } = request
    const card = fromLegacyCard(envelope, { bytes, appId: keys.appId, timestamp: timestamp ?? '' })
    return card === undefined ? refused('a SHA-1 signs presses on cards only') : { kind: 'legacy_card', envelope: card }
  }
  const header = asObject(own(envelope, 'header'))
  const token = own(header, 'token') ?? own(envelope, 'token')
  if (typeof token !== 'string' || !isSame(token, keys.verificationToken)) return refused('wrong Verification Token')
  if (own(envelope, 'type') === 'url_verification') {
    const challenge = own(envelope, 'challenge')
    return typeof challenge === 'string' ? { kind: 'challenge', challenge } : refused('no challenge')
  }
  if (!isSigned) return refused('not signed')
  const appId = own(header, 'app_id') ?? own(asObject(own(envelope, 'event')), 'app_id')
  if (appId !== undefined && appId !== keys.appId) return refused('an event of another app')
  return { kind: 'event', envelope }
}

function signatureFlaw(request: WebhookRequest, hash: 'sha1' | 'sha256', key: string): string | undefined {
  const { timestamp, nonce, signature, body } = request
  if (timestamp === null || nonce === null || signature === null) return 'a header of the signature is missing'
  const wanted = createHash(hash).update(timestamp).update(nonce).update(key).update(body).digest('hex')
  return isSame(signature, wanted) ? undefined : 'wrong signature'
}

/** Seconds. Its own text is what was signed; the number only dates it. */
function ageFlaw({ timestamp }: WebhookRequest, maxAgeMs: number, now: number): string | undefined {
  const ageMs = /^\d{1,12}$/.test(timestamp ?? '') ? now - Number(timestamp) * 1_000 : Number.NaN
  return ageMs <= maxAgeMs && ageMs >= -MAX_AHEAD_MS ? undefined : 'the signature is too old, or dated ahead'
}

/** Of an encrypted body only what is inside counts: anybody can write beside it. Throws on whatever is not an object. */
function readBody(body: Uint8Array, encryptKey: string): Readonly<Record<string, unknown>> {
  const outer = parse(body)
  const encrypted = own(outer, 'encrypt')
  return typeof encrypted === 'string' ? parse(decrypt(encrypted, encryptKey)) : outer
}

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  // Drops a byte order mark, refuses what is not UTF-8.
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object')
  return value as Readonly<Record<string, unknown>>
}

/** AES-256-CBC, PKCS #7, the key is the SHA-256 of the Encrypt Key, the IV comes first (Feishu's documentation). */
function decrypt(encrypted: string, encryptKey: string): Uint8Array {
  const bytes = Buffer.from(encrypted, 'base64')
  const key = createHash('sha256').update(encryptKey).digest()
  const decipher = createDecipheriv('aes-256-cbc', key, bytes.subarray(0, IV_BYTES))
  return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES)), decipher.final()])
}

/** Takes the same time wherever the texts differ, and whatever their lengths. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(wanted))
}

/** No prototype answers for the wire. */
function own(of: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(of, name) ? of[name] : undefined
}

function refused(reason: string): WebhookReading {
  return { kind: 'refused', reason }
}
