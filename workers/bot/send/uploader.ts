import { extname } from 'node:path'
import { crashPoint } from '../../../src/core/crash-point.ts'
import { type ReplyToSend, type SendFailure, UPLOAD_TIMEOUT_MS } from '../../../src/protocol/data.ts'
import type { ApiCalls, Call } from '../api/api-calls.ts'
import { FORM } from '../http/http.ts'
import { uploadKeyOf } from '../api/send-answer.ts'

type Content =
  | { readonly kind: 'ready'; readonly content: string }
  | { readonly kind: 'failed'; readonly failure: SendFailure }

/** Most remembered keys, more than can be between two tries at a time. Bytes without a remembered key are uploaded again. */
const MAX_KEYS = 1_000

/** Feishu's file_type by extension. All other files are a `stream`. [D] */
const FILE_TYPES: Readonly<Record<string, string>> = {
  '.pdf': 'pdf',
  '.doc': 'doc',
  '.docx': 'doc',
  '.xls': 'xls',
  '.xlsx': 'xls',
  '.ppt': 'ppt',
  '.pptx': 'ppt',
}

/**
 * Uploads the image or file of a reply. An upload is invisible until a message names its key. So a repeated upload after
 * a crash is harmless: the message is still shown once.
 */
export class Uploader {
  readonly #calls: ApiCalls
  /** Keys by the reply's uuid. */
  readonly #keys = new Map<string, string>()

  constructor(calls: ApiCalls) {
    this.#calls = calls
  }

  /** Uploads if needed and returns the content of the message. Never rejects. */
  async contentOf({ msgType, content, uuid, bytes, delivery }: ReplyToSend): Promise<Content> {
    if (bytes === undefined) return { kind: 'ready', content }
    const field = `${msgType}_key`
    const key = this.#keys.get(uuid)
    if (key !== undefined) return { kind: 'ready', content: JSON.stringify({ [field]: key }) }
    const called = await this.#calls.call(toCall(msgType, bytes, delivery?.upload?.name ?? msgType))
    crashPoint('upload.after')
    const uploaded = uploadKeyOf(called, field)
    if (uploaded.kind === 'failed') return uploaded
    this.#remember(uuid, uploaded.key)
    return { kind: 'ready', content: JSON.stringify({ [field]: uploaded.key }) }
  }

  #remember(uuid: string, key: string): void {
    this.#keys.set(uuid, key)
    for (const oldest of this.#keys.keys()) {
      if (this.#keys.size <= MAX_KEYS) return
      this.#keys.delete(oldest)
    }
  }
}

function toCall(msgType: string, bytes: Uint8Array, name: string): Call {
  const form = { headers: { 'content-type': FORM }, timeoutMs: UPLOAD_TIMEOUT_MS }
  if (msgType === 'image') {
    return { url: '/open-apis/im/v1/images', data: { image_type: 'message', image: bytes }, ...form }
  }
  const type = FILE_TYPES[extname(name).toLowerCase()] ?? 'stream'
  return { url: '/open-apis/im/v1/files', data: { file_type: type, file_name: name, file: bytes }, ...form }
}
