import { createCipheriv, createHash, randomBytes } from 'node:crypto'

/** Webhook of an app: its events are posted over HTTP instead of a long connection. */
export interface Webhook {
  readonly url: string
  /** Key that encrypts and signs the requests. Default: none, no encryption and no signature. */
  readonly encryptKey?: string
  /** Sends JSON that differs from a parser's output: spaces, line ends, `\/` for `/`. Default false. */
  readonly hasOddJson?: boolean
  /** Signs a redelivery anew, with a new timestamp and nonce. The real behaviour is not documented. [A] Default true. */
  readonly signsAnew?: boolean
}

/** One request, ready to be sent once or again. */
export interface PushRequest {
  readonly body: Uint8Array<ArrayBuffer>
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Builds the request of an event. With an Encrypt Key the body is `{"encrypt": ...}` [D]. The signature is the lower-case
 * hex SHA-256 of timestamp, nonce, key and the exact bytes of the body: a plain digest, no HMAC. [D, S]
 */
export function toPushRequest(webhook: Webhook, payload: Uint8Array, nowMs: number): PushRequest {
  const { encryptKey } = webhook
  const body = toBody(webhook, payload)
  const headers = { 'content-type': 'application/json; charset=utf-8' }
  if (encryptKey === undefined) return { body, headers }
  const timestamp = String(Math.floor(nowMs / 1000))
  const nonce = randomBytes(8).toString('hex')
  const signature = createHash('sha256').update(timestamp).update(nonce).update(encryptKey).update(body).digest('hex')
  return {
    body,
    headers: {
      ...headers,
      'X-Lark-Request-Timestamp': timestamp,
      'X-Lark-Request-Nonce': nonce,
      'X-Lark-Signature': signature,
    },
  }
}

/** Builds the check of a new URL: encrypted like an event, but not signed. [D] */
export function toChallengeRequest(webhook: Webhook, challenge: string, verificationToken: string): PushRequest {
  const payload = JSON.stringify({ challenge, token: verificationToken, type: 'url_verification' })
  return {
    body: toBody(webhook, Buffer.from(payload)),
    headers: { 'content-type': 'application/json; charset=utf-8' },
  }
}

/** AES-256-CBC: the key is the SHA-256 of the Encrypt Key, the IV comes first, the whole is in base64. [D, R] */
export function encrypt(encryptKey: string, plain: Uint8Array): string {
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-256-cbc', createHash('sha256').update(encryptKey).digest(), iv)
  return Buffer.concat([iv, cipher.update(plain), cipher.final()]).toString('base64')
}

function toBody({ encryptKey, hasOddJson = false }: Webhook, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const json =
    encryptKey === undefined
      ? Buffer.from(payload).toString()
      : JSON.stringify({ encrypt: encrypt(encryptKey, payload) })
  if (!hasOddJson) return Buffer.from(json)
  const spaced = JSON.stringify(JSON.parse(json), null, 1).replaceAll('/', '\\/')
  return Buffer.from(`${spaced}\r\n`)
}
