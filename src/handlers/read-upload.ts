import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { asObject } from '../core/as-object.ts'
import { errorText } from '../core/errors.ts'
import type { ReplyPart } from '../protocol/model/message.ts'

/** Largest upload, bytes. [A] */
const MAX_BYTES = { image: 10 * 1024 * 1024, file: 30 * 1024 * 1024 } as const

const MAX_NAME_CHARS = 200

/** Characters that a database or a form's header cannot hold, or that would make the name a path. */
const UNFIT = /[\p{Cc}\p{Surrogate}"\\/]/gu

type Kind = keyof typeof MAX_BYTES

/**
 * Reads an image or a file. The bytes are read now, because the file may have changed when the reply is sent or sent
 * again. The bot's worker uploads them.
 */
export async function readUpload(kind: Kind, upload: unknown, name: unknown): Promise<ReplyPart> {
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw new TypeError('name: expected a text that is not empty')
  }
  if (upload instanceof Uint8Array) {
    if (kind === 'file' && name === undefined) throw new TypeError('name: bytes need a file name, e.g. "report.pdf"')
    return withBytes(kind, upload, name ?? kind)
  }
  if (typeof upload === 'string' && upload !== '') {
    return withBytes(kind, await readPath(kind, upload), name ?? basename(upload))
  }
  const { key } = asObject(upload)
  if (typeof key !== 'string' || key === '') throw new TypeError(`${kind}: expected bytes, a path, or { key }`)
  return { msgType: kind, content: JSON.stringify({ [`${kind}_key`]: key }) }
}

async function readPath(kind: Kind, path: string): Promise<Uint8Array> {
  try {
    checkSize(kind, (await stat(path)).size)
    return await readFile(path)
  } catch (thrown) {
    if (thrown instanceof RangeError) throw thrown
    throw new TypeError(`${kind}: ${path} cannot be read: ${errorText(thrown)}`, { cause: thrown })
  }
}

function withBytes(kind: Kind, bytes: Uint8Array, givenName: string): ReplyPart {
  checkSize(kind, bytes.length)
  const name = givenName.slice(0, MAX_NAME_CHARS).replace(UNFIT, '_')
  const id = createHash('sha256').update(bytes).digest('base64url')
  // The content until Feishu's key replaces it.
  const content = JSON.stringify({ file_name: name, size: bytes.length })
  return { msgType: kind, content, bytes, delivery: { upload: { id, name, size: bytes.length } } }
}

function checkSize(kind: Kind, size: number): void {
  if (size === 0) throw new RangeError(`${kind}: the upload is empty`)
  const most = MAX_BYTES[kind]
  if (size > most) throw new RangeError(`${kind}: the upload has ${size} bytes; Feishu accepts at most ${most}`)
}
