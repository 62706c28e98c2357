import { describe, expect, it } from 'vitest'
import { toInboundEvent } from '../../../src/messages/inbound/to-inbound-event.ts'
import type { InboundMessage } from '../../../src/protocol/model/inbound-message.ts'
import { normalizeMessage } from '../../../workers/chat/normalize.ts'

const TOM = { key: '@_user_1', id: { open_id: 'ou_t' }, mentioned_type: 'user', name: 'Tom' }

/** A stored message of this type, rendered as the pool renders it. */
async function render(messageType: string, content: unknown, fields: object = {}): Promise<InboundMessage> {
  const message = {
    message_id: 'om_1',
    chat_id: 'oc_1',
    chat_type: 'group',
    message_type: messageType,
    content: typeof content === 'string' ? content : JSON.stringify(content),
    ...fields,
  }
  const payload = JSON.stringify({ schema: '2.0', header: { event_id: 'e1' }, event: { sender: {}, message } })
  const parsed = toInboundEvent('a', 'im.message.receive_v1', payload, 42)
  if (parsed.kind === 'bad' || parsed.event.kind !== 'message') throw new Error(JSON.stringify(parsed))
  return normalizeMessage(parsed.event)
}

describe('the text of a message, whatever its type', () => {
  it.each([
    ['text', { text: 'hello' }, 'hello'],
    [
      'post',
      {
        title: 'Plan',
        content: [
          [
            { tag: 'text', text: 'see ', style: ['bold'] },
            { tag: 'a', text: 'it', href: 'u' },
          ],
        ],
      },
      '**Plan**\n\n**see **[it](u)',
    ],
    ['image', { image_key: 'img_1' }, '![image](img_1)'],
    ['file', { file_key: 'file_1', file_name: 'a "b".pdf' }, '<file key="file_1" name="a &quot;b&quot;.pdf"/>'],
    ['audio', { file_key: 'file_1', duration: 2000 }, '<audio key="file_1" duration="2s"/>'],
    [
      'media',
      { file_key: 'file_1', image_key: 'img_1', file_name: 'v.mp4', duration: 1500 },
      '<video key="file_1" name="v.mp4" duration="1.5s"/>',
    ],
    ['sticker', { file_key: 'file_1' }, '<sticker key="file_1"/>'],
    ['interactive', { title: 'x', elements: [[{ tag: 'plain_text', content: 'pick one' }]] }, 'pick one'],
    ['share_chat', { chat_id: 'oc_2' }, '<group_card id="oc_2"/>'],
    ['share_user', { user_id: 'ou_2' }, '<contact_card id="ou_2"/>'],
    ['location', { name: 'Here', longitude: '1', latitude: '2' }, '<location name="Here" coords="lat:2,lng:1"/>'],
    ['system', { template: '{from_user} left', from_user: ['Tom'] }, 'Tom left'],
    ['merge_forward', { content: 'Merged and Forwarded Message' }, '<forwarded_messages/>'],
    ['of_tomorrow', { text: 'readable' }, 'readable'],
    ['of_tomorrow', { shape: 'unknown' }, '[unsupported message]'],
  ])('%s', async (messageType, content, text) => {
    const message = await render(messageType, content)
    expect(message).toMatchObject({ text, content })
    expect(message).not.toHaveProperty('renderError')
  })

  it('has names for mentions, ten and more of them too', async () => {
    const mentions = Array.from({ length: 11 }, (_none, index) => ({
      ...TOM,
      key: `@_user_${index + 1}`,
      name: `Name${'ABCDEFGHIJK'[index]}`,
    }))
    const { text } = await render('text', { text: '@_user_1 @_user_10 @_user_11' }, { mentions })
    expect(text).toBe('@NameA @NameJ @NameK')
  })

  it("keeps the bot's own mention, and says that there is one", async () => {
    const bot = { ...TOM, mentioned_type: 'bot', name: 'Helper' }
    expect(await render('text', { text: '@_user_1 sum up' }, { mentions: [bot] })).toMatchObject({
      text: '@Helper sum up',
      isBotMentioned: true,
    })
  })

  it('a mention without a key changes nothing', async () => {
    expect(await render('text', { text: 'ab' }, { mentions: [{ ...TOM, key: '' }] })).toMatchObject({ text: 'ab' })
  })
})

it('names what can be downloaded', async () => {
  const media = { file_key: 'file_1', image_key: 'img_1', file_name: 'v.mp4', duration: 1500 }
  expect((await render('media', media)).resources).toEqual([
    { type: 'video', fileKey: 'file_1', fileName: 'v.mp4', durationMs: 1500, coverImageKey: 'img_1' },
  ])
  expect((await render('image', { image_key: 5 })).resources).toEqual([])
})

describe('a message that cannot be rendered goes on, with the reason', () => {
  it('keeps the bare text', async () => {
    const message = await render('text', { text: 'hello @_user_1' }, { mentions: [TOM] })
    const broken = {
      ...message,
      text: 'hello @_user_1',
      mentions: [],
      raw: new Proxy(
        {},
        {
          get: () => {
            throw new Error('boom')
          },
        },
      ),
    }
    expect(await normalizeMessage(broken)).toMatchObject({ text: 'hello @_user_1', renderError: 'boom' })
  })

  it('a text that is none', async () => {
    expect(await render('text', { text: 5 })).toMatchObject({
      text: '',
      renderError: expect.stringContaining('no string'),
    })
  })
})

it.each(['{', 'null', '[]', '"x"', ''])('content %j renders to something', async (content) => {
  for (const type of ['text', 'post', 'image', 'interactive', 'system', 'vote', 'todo', 'calendar']) {
    expect(await render(type, content)).toMatchObject({ text: expect.any(String), resources: [] })
  }
})
