import { asObject } from '../core/as-object.ts'
import { assertNever } from '../core/assert-never.ts'
import type { ReplyPart } from '../protocol/model/message.ts'
import { toMarkdownPart } from './markdown.ts'
import { readUpload } from './read-upload.ts'

const KINDS = ['text', 'markdown', 'post', 'card', 'image', 'file'] as const

type Kind = (typeof KINDS)[number]

/** Allowed fields of each kind, besides `inThread`. */
const FIELDS: Readonly<Record<Kind, readonly string[]>> = {
  text: ['mentions'],
  markdown: ['title', 'mentions'],
  post: ['mentions'],
  card: [],
  image: [],
  file: ['name'],
}

/** Largest content as JSON, bytes. [D] For a text the whole request counts, in which the content is escaped once more. */
const MAX_BYTES: Readonly<Record<string, number>> = { text: 149 * 1024, post: 30 * 1024, interactive: 30 * 1024 }

/** Valid mentions: open ids and `all`. */
const MENTIONED = /^[\w-]{1,100}$/

type Fields = Readonly<Record<string, unknown>>

/** Reads the argument of `ctx.reply`. Rejects with an error for the author: it names the field and the fix. */
export async function toReplyPart(reply: unknown, canThread: boolean): Promise<ReplyPart> {
  const fields = typeof reply === 'string' ? { text: reply } : asObject(reply)
  const kind = kindOf(fields)
  const part = await partOf(kind, fields)
  const most = MAX_BYTES[part.msgType]
  const size = Buffer.byteLength(part.msgType === 'text' ? JSON.stringify(part.content) : part.content)
  if (most !== undefined && size > most) {
    throw new RangeError(`${kind}: Feishu's JSON has ${size} bytes; Feishu accepts at most ${most}`)
  }
  return isInThread(fields, canThread) ? { ...part, delivery: { ...part.delivery, inThread: true } } : part
}

export function isInThread({ inThread = false }: { readonly inThread?: unknown }, canThread: boolean): boolean {
  if (typeof inThread !== 'boolean') throw new TypeError('inThread: expected true or false')
  if (inThread && !canThread) throw new TypeError('inThread: allowed only for an answer to a message')
  return inThread
}

function kindOf(fields: Fields): Kind {
  const kinds = KINDS.filter((name) => fields[name] !== undefined)
  const [kind] = kinds
  if (kind === undefined) {
    throw new TypeError(`ctx.reply expects a text, or an object with one of ${KINDS.join(', ')}`)
  }
  if (kinds.length > 1)
    throw new TypeError(`${kinds.join(', ')}: a reply can have one of these fields; call ctx.reply once for each`)
  const unknown = Object.keys(fields).find((name) => ![kind, 'inThread', ...FIELDS[kind]].includes(name))
  if (unknown !== undefined) throw new TypeError(`${unknown}: not allowed with ${kind}`)
  return kind
}

async function partOf(kind: Kind, fields: Fields): Promise<ReplyPart> {
  switch (kind) {
    case 'text':
      return { msgType: 'text', content: JSON.stringify({ text: mentioning(fields) + filled('text', fields[kind]) }) }
    case 'markdown': {
      const { title } = fields
      const text = mentioning(fields) + filled('markdown', fields[kind])
      return toMarkdownPart({ text, title: title === undefined ? title : filled('title', title) })
    }
    case 'post':
      return { msgType: 'post', content: json('post', toPost(fields)) }
    case 'card':
      return { msgType: 'interactive', content: json('card', plainObject('card', fields[kind])) }
    case 'image':
    case 'file':
      return await readUpload(kind, fields[kind], fields['name'])
    default:
      return assertNever(kind)
  }
}

/** Builds a post per language, with the mentions in front of the first line of each. */
function toPost(fields: Fields): object {
  const post = plainObject('post', fields['post'])
  const bodies = 'content' in post ? { zh_cn: post } : post
  const mentions = mentionsOf(fields).map((id) => ({ tag: 'at', user_id: id }))
  const wrapped = Object.entries(bodies).map(([language, body]) => {
    const { content, ...rest } = asObject(body)
    if (!Array.isArray(content) || content.length === 0 || !content.every(Array.isArray)) {
      throw new TypeError(`post: ${language}.content: expected a list of lines, each a list of elements`)
    }
    const [first, ...others] = content as readonly (readonly unknown[])[]
    return [language, { ...rest, content: [[...mentions, ...(first ?? [])], ...others] }]
  })
  if (wrapped.length === 0) throw new TypeError('post: expected content')
  return Object.fromEntries(wrapped) as object
}

function mentioning(fields: Fields): string {
  return mentionsOf(fields)
    .map((id) => `<at user_id="${id}"></at> `)
    .join('')
}

function mentionsOf({ mentions = [] }: Fields): readonly string[] {
  const isList = Array.isArray(mentions) && mentions.every((id) => typeof id === 'string' && MENTIONED.test(id))
  if (!isList) throw new TypeError('mentions: expected a list of open ids, or "all"')
  return mentions as string[]
}

function filled(field: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new TypeError(`${field}: expected a text that is not empty`)
}

function plainObject(field: string, value: unknown): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new TypeError(`${field}: expected an object`)
}

function json(field: string, value: object): string {
  try {
    return JSON.stringify(value)
  } catch (thrown) {
    throw new TypeError(`${field}: cannot be converted to JSON`, { cause: thrown })
  }
}
