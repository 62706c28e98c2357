import { describe, expect, it } from 'vitest'
import { CardStore } from '../../src/simulator/cards/card-store.ts'
import { streamText, mergeSettings } from '../../src/simulator/cards/card-change.ts'
import { entryOf, History } from '../../src/simulator/history/history.ts'
import { newApp, RawClient, DATA, sdkClient, SOON_MS, startSimulator } from '../support/simulator.ts'

const STREAMING = {
  schema: '2.0',
  config: { streaming_mode: true },
  body: { elements: [{ tag: 'markdown', element_id: 'stream_md', content: 'Thinking...' }] },
}

type Refused = { response?: { data: { code: number } } }
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 0,
    (error: Refused) => error.response?.data.code,
  )

/** A card that was made and sent, and the operations on it. */
async function started() {
  const { simulator, url, app } = await startSimulator()
  const chat = simulator.user('tom').chatWith(app)
  const sent = chat.say('tell me a story')
  const { im, cardkit } = sdkClient(url, app)
  const { data } = await cardkit.v1.card.create({ data: { type: 'card_json', data: JSON.stringify(STREAMING) } })
  const card_id = String(data?.card_id)
  const send = () =>
    im.v1.message.reply({
      path: { message_id: sent.messageId },
      data: { msg_type: 'interactive', content: JSON.stringify({ type: 'card', data: { card_id } }) },
    })
  const write = (content: string, sequence: number, element_id = 'stream_md', uuid = `u-${sequence}`) =>
    cardkit.v1.cardElement.content({ path: { card_id, element_id }, data: { content, sequence, uuid } })
  const settle = (sequence: number, streaming_mode = false) =>
    cardkit.v1.card.settings({
      path: { card_id },
      data: { settings: JSON.stringify({ config: { streaming_mode } }), sequence, uuid: `s-${sequence}` },
    })
  return { simulator, url, app, sent, cardkit, im, card_id, send, write, settle }
}

describe('stored cards', () => {
  it('streams text into the message that shows the card, and closes', async () => {
    const { sent, send, write, settle, card_id } = await started()
    expect(card_id).toMatch(/^[1-9]\d{18}$/)
    expect(await send()).toMatchObject({ code: 0 })
    const reply = await sent.reply()
    expect(reply.content).toEqual(STREAMING)
    expect(await write('Once', 1)).toMatchObject({ code: 0 })
    expect(await write('Once upon a time', 2)).toMatchObject({ code: 0 })
    await reply.until(({ text }) => text.includes('Once upon a time'))
    expect(await settle(3)).toMatchObject({ code: 0 })
    expect(reply.content).toMatchObject({ config: { streaming_mode: false } })
    expect(await codeOf(write('The end', 4))).toBe(300309)
  })

  it('takes operations in sequence, and each once', async () => {
    const { send, write, simulator } = await started()
    await send()
    await write('one', 5)
    expect(await codeOf(write('late', 4, 'stream_md', 'u-late'))).toBe(300317)
    expect(await write('one', 5)).toMatchObject({ code: 0 })
    expect(await codeOf(write('other', 6, 'stream_md', 'u-5'))).toBe(200770)
    expect(await codeOf(write('nowhere', 6, 'no_such_element'))).toBe(300313)
    expect(simulator.history.entries.filter(entryOf('message_updated'))).toHaveLength(1)
  })

  it('is sent once, and only by its app', async () => {
    const { send, url, simulator, card_id } = await started()
    await send()
    expect(await codeOf(send())).toBe(230099)
    const other = newApp()
    simulator.addApp(other)
    const foreign = sdkClient(url, other).cardkit.v1.card.settings({
      path: { card_id },
      data: { settings: '{}', sequence: 1 },
    })
    expect(await codeOf(foreign)).toBe(300311)
    const unknown = sdkClient(url, other).cardkit.v1.card.settings({
      path: { card_id: '1' },
      data: { settings: '{}', sequence: 1 },
    })
    expect(await codeOf(unknown)).toBe(200740)
  })

  it('adds, replaces, changes and deletes elements, in a batch too', async () => {
    const { cardkit, card_id, send, sent, settle } = await started()
    await send()
    const reply = await sent.reply()
    await settle(1)
    const path = { card_id, element_id: 'stream_md' }
    const note = JSON.stringify({ tag: 'markdown', element_id: 'note', content: 'a note' })
    await cardkit.v1.cardElement.create({
      path: { card_id },
      data: { type: 'insert_before', target_element_id: 'stream_md', elements: `[${note}]`, sequence: 2 },
    })
    await cardkit.v1.cardElement.patch({ path, data: { partial_element: '{"content":"patched"}', sequence: 3 } })
    expect(reply.content).toMatchObject({ body: { elements: [{ content: 'a note' }, { content: 'patched' }] } })
    await cardkit.v1.cardElement.update({
      path,
      data: { element: '{"tag":"markdown","element_id":"stream_md","content":"replaced"}', sequence: 4 },
    })
    await cardkit.v1.cardElement.delete({ path: { card_id, element_id: 'note' }, data: { sequence: 5 } })
    expect(reply.content).toMatchObject({ body: { elements: [{ content: 'replaced' }] } })
    const actions = JSON.stringify([
      { action: 'partial_update_element', params: { element_id: 'stream_md', partial_element: { content: 'batch' } } },
      { action: 'add_elements', params: { type: 'append', elements: [{ tag: 'hr' }] } },
      { action: 'partial_update_setting', params: { settings: { config: { summary: { content: 'done' } } } } },
    ])
    await cardkit.v1.card.batchUpdate({ path: { card_id }, data: { actions, sequence: 6 } })
    expect(reply.content).toMatchObject({
      config: { summary: { content: 'done' } },
      body: { elements: [{ content: 'batch' }, { tag: 'hr' }] },
    })
    const whole = {
      card: { type: 'card_json' as const, data: JSON.stringify({ schema: '2.0', body: {} }) },
      sequence: 7,
    }
    await cardkit.v1.card.update({ path: { card_id }, data: whole })
    expect(reply.content).toEqual({ schema: '2.0', body: {} })
  })

  it('finds the card of a message', async () => {
    const { cardkit, card_id, send, sent } = await started()
    await send()
    const { messageId } = await sent.reply()
    expect(await cardkit.v1.card.idConvert({ data: { message_id: messageId } })).toMatchObject({ data: { card_id } })
    expect(await codeOf(cardkit.v1.card.idConvert({ data: { message_id: sent.messageId } }))).toBe(200740)
  })

  it('ends streaming after 10 minutes, and life after 14 days', () => {
    let now = 0
    const cards = new CardStore(new History(), { now: () => now })
    const made = cards.create('cli_1', { type: 'card_json', data: JSON.stringify(STREAMING) })
    if (!made.ok) throw new Error(made.msg)
    const { card_id: id } = made.data
    const write = (sequence: number) => cards.stream('cli_1', id, { sequence }, streamText('stream_md', 'x'))
    now = 599_999
    expect(write(1)).toMatchObject({ ok: true })
    now = 600_000
    expect([write(2), write(3)]).toMatchObject([{ code: 200850 }, { code: 300309 }])
    const settings = mergeSettings('{"config":{"streaming_mode":true}}')
    expect(cards.operate('cli_1', id, { sequence: 4 }, settings)).toMatchObject({ ok: true })
    expect(write(5)).toMatchObject({ ok: true })
    now = 14 * 86_400_000
    expect(write(6)).toMatchObject({ code: 200750 })
  })

  it('takes 10 operations a second outside streaming, and any number inside', () => {
    const cards = new CardStore(new History(), { now: () => 0 })
    const made = cards.create('cli_1', { type: 'card_json', data: JSON.stringify(STREAMING) })
    if (!made.ok) throw new Error(made.msg)
    const { card_id: id } = made.data
    for (let n = 1; n <= 20; n += 1) {
      expect(cards.stream('cli_1', id, { sequence: n }, streamText('stream_md', `${n}`)).ok).toBe(true)
    }
    const close = mergeSettings('{"config":{"streaming_mode":false}}')
    const answers = Array.from({ length: 12 }, (_, n) => cards.operate('cli_1', id, { sequence: 21 + n }, close))
    expect(answers.map((answer) => answer.ok)).toEqual([...Array.from({ length: 11 }, () => true), false])
    expect(answers.at(-1)).toMatchObject({ code: 99991400 })
  })

  it.each([
    ['an older schema', 'card_json', { elements: [] }, 99992402],
    ['no JSON', 'card_json', '{', 99992402],
    [
      '201 elements',
      'card_json',
      { schema: '2.0', body: { elements: Array.from({ length: 201 }, () => ({ tag: 'hr' })) } },
      300305,
    ],
    ['more than 30 KB', 'card_json', { schema: '2.0', text: 'x'.repeat(31 * 1024) }, 200860],
    ['an unknown type', 'picture', {}, 99992402],
  ])('refuses %s', (_name, type, data, code) => {
    const cards = new CardStore(new History(), { now: () => 0 })
    const text = typeof data === 'string' ? data : JSON.stringify(data)
    expect(cards.create('cli_1', { type, data: text })).toMatchObject({ ok: false, code })
  })
})

describe('presses on cards', () => {
  it('shows the card of the answer, then two more by the token', async () => {
    const { simulator, url, app } = await startSimulator()
    const bot = await (await RawClient.connect(url, app)).ready()
    const sent = simulator.user('tom').chatWith(app).say('hi')
    bot.ack(await bot.next(DATA))
    const client = sdkClient(url, app)
    await client.im.v1.message.reply({
      path: { message_id: sent.messageId },
      data: { msg_type: 'interactive', content: '{"elements":[]}' },
    })
    const reply = await sent.reply({ timeoutMs: SOON_MS })
    const pressed = reply.click({ act: 'go' })
    const frame = await bot.next(DATA)
    const { token } = (JSON.parse(Buffer.from(frame.payload).toString()) as { event: { token: string } }).event
    const update = (n: number) =>
      client.request({ method: 'POST', url: '/open-apis/interactive/v1/card/update', data: { token, card: { n } } })
    expect(await codeOf(update(0))).toBe(300090)
    bot.answer(frame, { card: { type: 'raw', data: { elements: ['done'] } } })
    expect(await pressed).toMatchObject({ kind: 'answered', code: 200 })
    expect(reply.content).toEqual({ elements: ['done'] })
    expect(await update(1)).toMatchObject({ code: 0 })
    expect(await update(2)).toMatchObject({ code: 0 })
    expect(reply.content).toEqual({ n: 2 })
    expect(await codeOf(update(3))).toBe(300092)
  })
})
