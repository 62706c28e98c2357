import { createHash } from 'node:crypto'
import { type ApiResult, accepted, refused } from '../shared/api-result.ts'
import { newId } from '../shared/ids.ts'
import type { ChatStore } from './chat-store.ts'

/** Largest upload, bytes. [A] */
const MAX_IMAGE_BYTES = 10 * 1024 * 1024
const MAX_FILE_BYTES = 30 * 1024 * 1024

const IMAGE_TYPES = ['message', 'avatar']
const FILE_TYPES = ['opus', 'mp4', 'pdf', 'doc', 'xls', 'ppt', 'stream']

/** Fields of an upload by name. */
export type UploadForm = ReadonlyMap<string, Buffer>

/** Files that bots upload and download. A key without an upload gives bytes made from the key, always the same. */
export class FileStore {
  readonly #files = new Map<string, Uint8Array>()
  readonly #chats: ChatStore

  constructor(chats: ChatStore) {
    this.#chats = chats
  }

  /** `POST im/v1/images`. The codes of its refusals are assumed. [A] */
  addImage(form: UploadForm): ApiResult<{ readonly image_key: string }> {
    if (!IMAGE_TYPES.includes(String(form.get('image_type')))) return refused(234001, 'invalid image_type')
    const stored = this.#store('img_v3_', form.get('image'), MAX_IMAGE_BYTES)
    return stored.ok ? accepted({ image_key: stored.data }) : stored
  }

  /** `POST im/v1/files`. The codes of its refusals are assumed. [A] */
  addFile(form: UploadForm): ApiResult<{ readonly file_key: string }> {
    if (!FILE_TYPES.includes(String(form.get('file_type')))) return refused(234001, 'invalid file_type')
    if (!form.get('file_name')?.length) return refused(234001, 'file_name is required')
    const stored = this.#store('file_v3_', form.get('file'), MAX_FILE_BYTES)
    return stored.ok ? accepted({ file_key: stored.data }) : stored
  }

  /** `GET im/v1/messages/:id/resources/:file_key`: a file of the message. Audio and video have type `file`. [D] */
  find(appId: string, messageId: string, key: string, type: string | undefined): ApiResult<Uint8Array> {
    const message = this.#chats.messageOf(appId, messageId)
    if (message === undefined) return refused(99992354, `id not exist, invalid ids: [${messageId}]`)
    if (type !== 'image' && type !== 'file') return refused(99992402, 'field validation failed: type')
    if (!message.content.includes(JSON.stringify(key))) return refused(234003, 'the file is not in the message') // [A]
    return accepted(this.#files.get(key) ?? createHash('sha256').update(key).digest())
  }

  #store(prefix: string, file: Buffer | undefined, most: number): ApiResult<string> {
    if (file === undefined) return refused(234001, 'the file is missing')
    if (file.length === 0) return refused(234010, 'the file is empty')
    if (file.length > most) return refused(234006, 'the file is too big')
    const key = newId(prefix)
    this.#files.set(key, file)
    return accepted(key)
  }
}
