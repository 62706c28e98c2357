import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ReplyBuffer } from '../../src/handlers/reply-buffer.ts'
import { splitMarkdown } from '../../src/handlers/split-markdown.ts'
import { toReplyPart } from '../../src/handlers/to-reply-part.ts'

const contentOf = async (reply: unknown): Promise<unknown> => JSON.parse((await toReplyPart(reply, true)).content)

describe('a reply becomes what Feishu shows', () => {
  it.each<[string, unknown, string, unknown]>([
    ['a string', 'hi', 'text', { text: 'hi' }],
    ['a text', { text: 'hi' }, 'text', { text: 'hi' }],
    [
      'a text that names users',
      { text: 'hi', mentions: ['ou_1', 'all'] },
      'text',
      { text: '<at user_id="ou_1"></at> <at user_id="all"></at> hi' },
    ],
    [
      'Markdown',
      { markdown: '**hi**', title: 'T' },
      'post',
      { zh_cn: { title: 'T', content: [[{ tag: 'md', text: '**hi**' }]] } },
    ],
    [
      'a post',
      { post: { title: 'T', content: [[{ tag: 'text', text: 'a' }], []] }, mentions: ['ou_1'] },
      'post',
      {
        zh_cn: {
          title: 'T',
          content: [
            [
              { tag: 'at', user_id: 'ou_1' },
              { tag: 'text', text: 'a' },
            ],
            [],
          ],
        },
      },
    ],
    [
      'a post in languages',
      { post: { en_us: { content: [[]] }, ja_jp: { content: [[]] } } },
      'post',
      { en_us: { content: [[]] }, ja_jp: { content: [[]] } },
    ],
    [
      'a card',
      { card: { schema: '2.0', body: { elements: [] } } },
      'interactive',
      { schema: '2.0', body: { elements: [] } },
    ],
    ['an image by its key', { image: { key: 'img_1' } }, 'image', { image_key: 'img_1' }],
    ['a file by its key', { file: { key: 'file_1' } }, 'file', { file_key: 'file_1' }],
  ])('%s', async (_name, reply, msgType, content) => {
    expect((await toReplyPart(reply, true)).msgType).toBe(msgType)
    expect(await contentOf(reply)).toEqual(content)
  })

  it('Markdown with a table is a card, with mentions as cards write them', async () => {
    const { msgType, content } = await toReplyPart(
      { markdown: '| a | b |\n|---|:-:|\n| 1 | 2 |', mentions: ['ou_1'] },
      true,
    )
    expect(msgType).toBe('interactive')
    expect(JSON.parse(content)).toMatchObject({
      schema: '2.0',
      body: { elements: [{ tag: 'markdown', content: '<at id=ou_1></at> | a | b |\n|---|:-:|\n| 1 | 2 |' }] },
    })
  })

  it('bytes go beside the content, under an id made from them', async () => {
    const part = await toReplyPart({ file: new Uint8Array([1, 2, 3]), name: 'a/b"\n.pdf' }, true)
    expect(part).toMatchObject({
      msgType: 'file',
      bytes: new Uint8Array([1, 2, 3]),
      delivery: { upload: { name: 'a_b__.pdf', size: 3 } },
    })
    expect(JSON.parse(part.content)).toEqual({ file_name: 'a_b__.pdf', size: 3 })
    const again = await toReplyPart({ image: Buffer.from([1, 2, 3]) }, true)
    expect(again.delivery?.upload?.id).toBe(part.delivery?.upload?.id)
  })

  it('a path is read at once, and gives the name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'feishu-replies-'))
    const path = join(folder, 'report.pdf')
    await writeFile(path, 'pages')
    const part = await toReplyPart({ file: path }, true)
    await rm(folder, { recursive: true })
    expect(Buffer.from(part.bytes ?? []).toString()).toBe('pages')
    expect(part.delivery?.upload?.name).toBe('report.pdf')
  })

  it('can be told to go into the thread', async () => {
    expect((await toReplyPart({ text: 'hi', inThread: true }, true)).delivery).toEqual({ inThread: true })
    expect((await toReplyPart({ text: 'hi', inThread: false }, true)).delivery).toBeUndefined()
  })
})

describe('a reply that Feishu would not take is refused when it is made, by its field', () => {
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /ctx\.reply expects a text, or an object with one of text, markdown/],
    ['a number', 7, /ctx\.reply expects/],
    ['an unknown kind', { video: 'x' }, /ctx\.reply expects/],
    ['two kinds', { text: 'a', markdown: 'b' }, /^text, markdown: a reply can have one of these fields/],
    ['a field of another kind', { text: 'a', title: 'b' }, /^title: not allowed with text/],
    ['an empty text', { text: '' }, /^text: expected a text/],
    ['a text that is none', { text: 3 }, /^text: expected a text/],
    ['a text too long', 'x'.repeat(153_600), /^text: Feishu's JSON has 153617 bytes.* at most 152576/],
    ['a text too long once it is escaped', '"'.repeat(60_000), /^text: Feishu's JSON has .* at most 152576/],
    ['Markdown too long', { markdown: '"'.repeat(16_000) }, /^markdown: .* at most 30720/],
    ['a card too big', { card: { x: 'x'.repeat(31_000) } }, /^card: .* at most 30720/],
    ['a card that is text', { card: '{}' }, /^card: expected an object/],
    ['a card that is no JSON', { card: cycle }, /^card: cannot be converted to JSON/],
    ['a post without content', { post: { title: 'x' } }, /^post: title\.content: expected a list/],
    ['a post of texts', { post: { content: ['x'] } }, /^post: zh_cn\.content: expected a list of lines/],
    ['mentions that are no list', { text: 'a', mentions: 'ou_1' }, /^mentions: expected a list/],
    ['a mention that is no id', { text: 'a', mentions: ['"><b>'] }, /^mentions: expected a list/],
    ['an image of nothing', { image: new Uint8Array() }, /^image: the upload is empty/],
    ['an image too big', { image: new Uint8Array(10 * 1024 * 1024 + 1) }, /^image: .* at most 10485760/],
    ['a path that leads nowhere', { image: '/nowhere/x.png' }, /^image: \/nowhere\/x\.png cannot be read: .*ENOENT/],
    ['bytes without a name', { file: new Uint8Array(1) }, /^name: bytes need a file name/],
    ['a name that is none', { file: new Uint8Array(1), name: 3 }, /^name: expected a text/],
    ['a thread that is no truth', { text: 'a', inThread: 'yes' }, /^inThread: expected true or false/],
  ])('%s', async (_name, reply, message) => {
    await expect(toReplyPart(reply, true)).rejects.toThrow(message)
  })

  it('a thread of something that is no message', async () => {
    await expect(toReplyPart({ text: 'a', inThread: true }, false)).rejects.toThrow(
      /^inThread: allowed only for an answer to a message/,
    )
  })
})

function openBuffer(more: Partial<ConstructorParameters<typeof ReplyBuffer>[0]> = {}) {
  const abort = new AbortController()
  return {
    abort,
    buffer: new ReplyBuffer({ canReply: true, canThread: true, signal: abort.signal, onFrame: () => {}, ...more }),
  }
}

const texts = (parts: readonly { readonly content: string }[]): unknown[] =>
  parts.map(({ content }) => {
    const { text, body, zh_cn } = JSON.parse(content) as {
      text?: string
      body?: { elements: { content: string }[] }
      zh_cn?: { content: { text: string }[][] }
    }
    return text ?? body?.elements[0]?.content ?? zh_cn?.content[0]?.[0]?.text
  })

async function* pieces(...chunks: string[]): AsyncGenerator<string> {
  yield* chunks
}

describe('the replies of one run', () => {
  it('keep the order of the calls, awaited or not', async () => {
    const { buffer } = openBuffer()
    void buffer.stream(pieces('1', '2'))
    void buffer.reply({ markdown: 'second' })
    await buffer.reply('third')
    expect(texts(await buffer.take())).toEqual(['12', 'second', 'third'])
  })

  it('have no more than 30 MB of uploads', async () => {
    const { buffer } = openBuffer()
    const file = { file: new Uint8Array(16 * 1024 * 1024), name: 'x' }
    await buffer.reply(file)
    await expect(buffer.reply(file)).rejects.toThrow(/^file: the uploads of one run have more than/)
    expect(await buffer.take()).toHaveLength(1)
  })

  it('are refused after the end, and where nobody is known', async () => {
    const { buffer } = openBuffer()
    await buffer.take()
    await expect(buffer.stream(pieces('a'))).rejects.toThrow('ctx.stream was called after the handler had ended')
    await expect(openBuffer({ canReply: false }).buffer.reply('a')).rejects.toThrow(
      'a reply is not possible: the event names no chat and no user',
    )
  })
})

describe('a streamed answer', () => {
  it('is nothing when nothing came, or its placeholder', async () => {
    const { buffer } = openBuffer()
    await buffer.stream(pieces())
    await buffer.stream(pieces(''), { placeholder: 'Thinking…' })
    expect(texts(await buffer.take())).toEqual(['Thinking…'])
  })

  it('goes on in further messages where a card is full, and loses nothing', async () => {
    const { buffer } = openBuffer()
    const lines = Array.from({ length: 1_200 }, (_, line) => `line "${line}" ${'x'.repeat(40)}\n`)
    await buffer.stream(pieces(...lines), { inThread: true })
    const parts = await buffer.take()
    expect(parts.length).toBeGreaterThan(2)
    expect(parts.every(({ content }) => Buffer.byteLength(content) <= 30 * 1024)).toBe(true)
    expect(parts.every(({ delivery }) => delivery?.inThread === true)).toBe(true)
    expect(texts(parts).join('')).toBe(lines.join(''))
  })

  it('that breaks off rejects, and what has come stays', async () => {
    const { buffer } = openBuffer()
    async function* broken(): AsyncGenerator<string> {
      yield 'half'
      throw new Error('the model is gone')
    }
    await expect(buffer.stream(broken())).rejects.toThrow('the model is gone')
    expect(texts(await buffer.take())).toEqual(['half'])
  })

  it('of something else than texts is refused', async () => {
    const { buffer } = openBuffer()
    await expect(buffer.stream(pieces(7 as unknown as string))).rejects.toThrow(
      'ctx.stream: the source yielded a value',
    )
    await expect(buffer.stream(7 as unknown as AsyncIterable<string>)).rejects.toThrow('ctx.stream expects')
  })

  it('ends with the time of the handler, and its source is told', async () => {
    const { abort, buffer } = openBuffer()
    let isReturned = false
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: async () => {
          isReturned = true
          return { done: true, value: undefined }
        },
      }),
    }
    const streaming = buffer.stream(source)
    abort.abort(new Error('time is over'))
    await expect(streaming).rejects.toThrow('time is over')
    expect(isReturned).toBe(true)
  })
})

it.each([
  ['after a paragraph', 'aaaa\n\nbb cc', 8, ['aaaa\n\n', 'bb cc']],
  ['after a line', 'aaaa bb\ncc dd', 10, ['aaaa bb\n', 'cc dd']],
  ['after a word', 'aaaa bbbb cc', 8, ['aaaa ', 'bbbb cc']],
  ['anywhere else', 'aaaaaaaa', 3, ['aaa', 'aaa', 'aa']],
  ['but not inside a character', 'a😀😀', 2, ['a', '😀', '😀']],
  ['not at all', 'aa', 2, ['aa']],
])('a text is cut %s', (_name, text, most, expected) => {
  expect(splitMarkdown(text, ({ length }) => length <= most)).toEqual(expected)
})
