import { createCipheriv, createHash, randomBytes } from 'node:crypto'

export const KEYS = { encryptKey: 'fake-encrypt-key', verificationToken: 'fake-verification-token' }

/** Encrypts as Feishu does. */
export function encrypted(text: string, encryptKey = KEYS.encryptKey): string {
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-256-cbc', createHash('sha256').update(encryptKey).digest(), iv)
  const bytes = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final()])
  return JSON.stringify({ encrypt: bytes.toString('base64') })
}

export interface Signature {
  readonly timestamp: string
  readonly nonce: string
  readonly signature: string
}

/** Signs as Feishu does, over the bytes; `at` in milliseconds. */
export function sign(body: string | Uint8Array, at = Date.now(), encryptKey = KEYS.encryptKey): Signature {
  const timestamp = String(Math.floor(at / 1_000))
  const nonce = randomBytes(8).toString('hex')
  const signature = createHash('sha256').update(timestamp).update(nonce).update(encryptKey).update(body).digest('hex')
  return { timestamp, nonce, signature }
}

/** Signs as the older card request URL is called; `at` in milliseconds. */
export function signCard(body: string, at = Date.now(), token = KEYS.verificationToken): Signature {
  const timestamp = String(Math.floor(at / 1_000))
  const nonce = randomBytes(8).toString('hex')
  const signature = createHash('sha1').update(timestamp).update(nonce).update(token).update(body).digest('hex')
  return { timestamp, nonce, signature }
}

/** A press on a card in the older form. */
export const LEGACY_CARD = {
  open_id: 'ou_user',
  user_id: 'u1',
  open_message_id: 'om_card',
  open_chat_id: 'oc_1',
  tenant_key: 'tenant',
  token: 'c-fake-update-token',
  action: { tag: 'button', value: { act: 'approve' } },
}

export function headersOf({ timestamp, nonce, signature }: Signature): Record<string, string> {
  return {
    'x-lark-request-timestamp': timestamp,
    'x-lark-request-nonce': nonce,
    'x-lark-signature': signature,
  }
}

/** A message as Feishu writes it, schema 2.0. */
export function messageEnvelope(appId: string, fields: { messageId: string; eventId: string; text?: string }): object {
  const { messageId, eventId, text = 'hello' } = fields
  return {
    schema: '2.0',
    header: {
      event_id: eventId,
      event_type: 'im.message.receive_v1',
      create_time: String(Date.now()),
      token: KEYS.verificationToken,
      app_id: appId,
      tenant_key: 'tenant',
    },
    event: {
      sender: { sender_id: { open_id: 'ou_user' }, sender_type: 'user', tenant_key: 'tenant' },
      message: {
        message_id: messageId,
        create_time: String(Date.now()),
        chat_id: 'oc_1',
        chat_type: 'p2p',
        message_type: 'text',
        content: JSON.stringify({ text }),
      },
    },
  }
}
