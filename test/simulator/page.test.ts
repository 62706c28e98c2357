import { describe, expect, it } from 'vitest'
import { entryOf } from '../../src/simulator/history/history.ts'
import { findChromium, openPage } from '../support/chromium.ts'
import {
  closeLater,
  connectSdk,
  post,
  type Received,
  sdkClient,
  SOON_MS,
  startSimulator,
} from '../support/simulator.ts'

const browser = findChromium()
const STREAMED = JSON.stringify({
  schema: '2.0',
  config: { streaming_mode: true },
  body: { elements: [{ tag: 'markdown', element_id: 'md', content: 'Thinking...' }] },
})

/** The page, and a bot that answers on it as its messages ask. */
async function startPage(browserPath: string) {
  const { simulator, url, app } = await startSimulator({ limits: { perChat: 0 } })
  const client = sdkClient(url, app)
  const reply = (message_id: string, msg_type: string, content: object) =>
    client.im.v1.message.reply({ path: { message_id }, data: { msg_type, content: JSON.stringify(content) } })
  const stream = async (messageId: string) => {
    const { data } = await client.cardkit.v1.card.create({ data: { type: 'card_json', data: STREAMED } })
    const card_id = String(data?.card_id)
    await reply(messageId, 'interactive', { type: 'card', data: { card_id } })
    const text = 'Once upon a time'
    for (let end = 4, sequence = 1; end <= text.length; end += 4, sequence += 1) {
      const path = { card_id, element_id: 'md' }
      await client.cardkit.v1.cardElement.content({ path, data: { content: text.slice(0, end), sequence } })
    }
  }
  const answer = async ({ message: { message_id, content } }: Received): Promise<void> => {
    const { text } = JSON.parse(content) as { text: string }
    if (text === 'card') {
      const button = { tag: 'button', text: { tag: 'plain_text', content: 'Approve' }, value: { act: 'approve' } }
      const elements = [
        { tag: 'markdown', content: 'Approve it?' },
        { tag: 'action', actions: [button] },
      ]
      await reply(message_id, 'interactive', { header: { title: { content: 'A request' } }, elements })
    } else if (text === 'story') {
      await stream(message_id)
    } else {
      await reply(message_id, 'text', { text: `you said: ${text}` })
    }
  }
  const onPress = ({ action }: { action: { value: { act: string } } }) =>
    action.value.act === 'approve' && { toast: { type: 'success', content: 'Approved' } }
  connectSdk(url, app, answer, undefined, { 'card.action.trigger': onPress })
  await simulator.once(entryOf('connection_ready'), SOON_MS)
  const { page, close } = await openPage(browserPath, `${url}/`)
  closeLater(close)
  await page.until(`document.querySelector('#connection')?.textContent === 'connected (1)'`)
  const say = (text: string) =>
    page.evaluate(`{
      document.querySelector('#text').value = ${JSON.stringify(text)}
      document.querySelector('#form').requestSubmit()
    }`)
  const shows = (text: string, side = 'theirs') =>
    page.until(
      `[...document.querySelectorAll('li.${side} .content')].some((e) => e.textContent.includes(${JSON.stringify(text)}))`,
    )
  return { simulator, app, page, say, shows }
}

describe.skipIf('skip' in browser)('the chat page in a browser', () => {
  const path = 'path' in browser ? browser.path : ''

  it('shows what is said, replies, cards with their answers and streamed text', async () => {
    const { simulator, page, say, shows } = await startPage(path)
    await say('<img src=x onerror=alert(1)>')
    await shows('<img src=x onerror=alert(1)>', 'mine')
    await shows('you said: <img src=x onerror=alert(1)>')
    await page.until(`document.querySelector('li.mine .state').textContent === 'received'`)

    await say('card')
    await shows('A request')
    await page.evaluate(`[...document.querySelectorAll('li.theirs button')].at(-1).click()`)
    await simulator.once(entryOf('callback_answered'), SOON_MS)
    await page.until(`document.querySelector('#toast').textContent === 'Approved'`)

    await say('story')
    await shows('Once upon a time')
    expect(page.errors).toEqual([])
  })

  it('drops the connection, and shows that it comes back', async () => {
    const { page, say, shows } = await startPage(path)
    await page.evaluate(`document.querySelector('#drop').click()`)
    await page.until(`[...document.querySelectorAll('li.note')].some((e) => e.textContent.includes('has ended'))`)
    await page.until(`document.querySelector('#connection').textContent === 'connected (1)'`)
    await say('again')
    await shows('you said: again')
    expect(page.errors).toEqual([])
  })

  it('opens a group, where the bot is mentioned', async () => {
    const { page, say, shows, simulator } = await startPage(path)
    await say('in private')
    await shows('you said: in private')
    await page.evaluate(`{
      document.querySelector('#group').value = 'Project'
      document.querySelector('#group').dispatchEvent(new Event('change'))
    }`)
    await page.until(`document.querySelectorAll('li.mine').length === 0`)
    await say('hello all')
    await shows('you said: @_user_1 hello all')
    expect(simulator.history.entries.filter(entryOf('sent')).map(({ chatId }) => chatId)).toHaveLength(2)
    expect(page.errors).toEqual([])
  })
})

it('serves the page without inline scripts, and nothing but the page', async () => {
  const { url } = await startSimulator()
  const answer = await fetch(`${url}/`)
  expect(answer.headers.get('content-security-policy')).toContain("script-src 'self'")
  const html = await answer.text()
  expect(html).not.toMatch(/<script>|<style|style=|onclick/)
  for (const [, path] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
    expect((await fetch(url + path)).status).toBe(200)
  }
  expect((await fetch(`${url}/_simulator/page/..%2Fsimulator.ts`)).status).toBe(404)
})

it('takes no orders from pages of other sites, and tells no secrets', async () => {
  const { url, app } = await startSimulator()
  const order = { appId: app.appId, chatId: 'oc_1', text: 'hi' }
  const foreign = await post(`${url}/_simulator/messages`, order, { origin: 'https://example.com' })
  expect(foreign).toMatchObject({ status: 403, body: { error: expect.stringContaining('https://example.com') } })
  expect(await post(`${url}/_simulator/messages`, order, { origin: url })).toMatchObject({ status: 201 })
  expect(await (await fetch(`${url}/_simulator/apps`)).json()).toEqual([{ appId: app.appId, name: app.name }])
})
