import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { FeishuSupervisor } from '../../src/index.ts'
import type { HistoryEntry } from '../../src/simulator/history/history.ts'
import type { LaunchedSimulator } from '../../src/simulator/launch.ts'
import { firstEntry } from '../support/first-entry.ts'
import { ADA, addConnected, Cleanups, eventOf, getJson } from '../support/system.ts'

const cleanups = new Cleanups()
afterAll(cleanups.run)

let simulator: LaunchedSimulator
let supervisor: FeishuSupervisor
let botId: string
let url: string
/** The handler tells what it has streamed, and goes on when this is done. */
let onPiece: (piece: string) => Promise<unknown>

beforeAll(async () => {
  simulator = await cleanups.simulator()
  const server = createServer((request, response) => {
    const piece = new URL(request.url ?? '', url).searchParams.get('text') ?? ''
    void onPiece(piece).then(() => response.end())
  }).listen(0, '127.0.0.1')
  cleanups.add(() => new Promise((closed) => server.close(closed)))
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const handler = resolve('test/fixtures/handlers/streams.mjs')
  supervisor = cleanups.supervisor({ dataDir: await cleanups.dataDir(), handler, messages: { threads: 1 } })
  await supervisor.start()
  botId = await addConnected(supervisor, ADA, simulator.url)
}, 30_000)

afterEach(() => simulator.client.inject({ kind: 'clear_faults' }))

type Shown = Extract<HistoryEntry, { kind: 'message_created' | 'message_updated' }>

/** Waits until the message in question shows this text, streaming or complete. */
const shows = (text: string, isComplete = false) =>
  firstEntry(
    simulator.client,
    (entry) =>
      isShown(entry) && textOf(entry) === text && (!isComplete || !entry.content.includes('"streaming_mode":true')),
  )

const isShown = (entry: HistoryEntry): entry is Shown =>
  entry.kind === 'message_created' || entry.kind === 'message_updated'

function textOf({ content }: Shown): string | undefined {
  const { body } = JSON.parse(content) as { body?: { elements?: { content?: string }[] } }
  return body?.elements?.[0]?.content
}

/** Sends the name and answers what became visible for it, in order. */
async function streamed(name: string, piece: (piece: string) => Promise<unknown>, end: () => Promise<unknown>) {
  onPiece = piece
  const before = (await simulator.client.history()).length
  const { messageId } = await simulator.client.sendText({
    appId: ADA.appId,
    chatId: `oc_${name}`,
    text: `${name} ${url}`,
  })
  await end()
  const history = (await simulator.client.history()).slice(before)
  const created = history.filter((entry) => entry.kind === 'message_created' && entry.replyTo === messageId)
  return { history, created, shown: history.filter(isShown) }
}

/** Seen by the user before the next piece is made. */
const oneByOne = (name: string) => async (piece: string) => {
  await shows(piece.endsWith('first') ? `**${name}**` : `**${name}** and`)
}

it('an answer is typed into one card, which is complete at the end', async () => {
  const { created, shown } = await streamed('plain', oneByOne('plain'), () => shows('**plain** and more', true))
  expect(created).toHaveLength(1)
  expect(shown.at(-1)?.content).toContain('"streaming_mode":false')
  expect(shown.at(-1)?.content).toContain('"content":"Answer"')
})

it('a run after the death of its thread goes on with the same card', async () => {
  const { created, shown } = await streamed('dies', oneByOne('dies'), () => shows('**dies** and more', true))
  expect(created).toHaveLength(1)
  expect(shown.at(-1)?.content).toContain('"streaming_mode":false')
})

it('a bot that dies meanwhile goes on with the same card', async () => {
  const kill = async (piece: string): Promise<void> => {
    await oneByOne('killed')(piece)
    const isBack = eventOf(supervisor, 'bot', ({ connection }) => connection.state === 'connected')
    await (supervisor as unknown as { killBot(id: string): Promise<void> }).killBot(botId)
    await isBack
  }
  const { created } = await streamed('killed', kill, () => shows('**killed** and more', true))
  expect(created).toHaveLength(1)
})

it('without streamed cards it is one message that is edited', async () => {
  await simulator.client.inject({ kind: 'fail_next', call: 'card', http: 400, code: 99991672, probability: 1 })
  const { created, shown } = await streamed('edited', oneByOne('edited'), () => shows('**edited** and more', true))
  expect(created).toHaveLength(1)
  expect(shown.map(textOf)).toEqual(['**edited**', '**edited** and', '**edited** and more'])
})

it('where nothing can be changed it is one message at the end', async () => {
  for (const call of ['card', 'patch'] as const) {
    await simulator.client.inject({ kind: 'fail_next', call, http: 400, code: 99991672, probability: 1 })
  }
  const isTried = (): Promise<HistoryEntry> =>
    firstEntry(
      simulator.client,
      (entry) => entry.kind === 'api_called' && entry.call === 'patch' && entry.code === 99991672,
    )
  const { created, shown } = await streamed('late', isTried, () => shows('**late** and more', true))
  expect(created).toHaveLength(1)
  expect(shown).toHaveLength(1)
})

it('one that fails to the end is a dead letter, and its card is not left typing', async () => {
  const isDead = eventOf(supervisor, 'message', ({ stage }) => stage === 'dead')
  const closed = async (): Promise<void> => {
    await isDead
    await firstEntry(
      simulator.client,
      (entry) =>
        isShown(entry) && textOf(entry) === '**breaks** and' && entry.content.includes('"streaming_mode":false'),
    )
  }
  // Each attempt begins the text anew, and fails only when the card shows it again: what is seen of an earlier one
  // says nothing of where this one stops.
  let after = 0
  const again = async (piece: string): Promise<void> => {
    if (piece.endsWith('first')) {
      await shows('**breaks**')
      after = (await simulator.client.history()).at(-1)?.seq ?? 0
      return
    }
    await firstEntry(simulator.client, (entry) => isShown(entry) && textOf(entry) === '**breaks** and', after)
  }
  const { created } = await streamed('breaks', again, closed)
  expect(created).toHaveLength(1)
})

it('the API tells of it as of any reply', async () => {
  const { body } = await getJson(supervisor, `/api/feishu/messages?botId=${botId}&limit=100`)
  const { items } = body as { items: readonly { eventId: number; state: string }[] }
  const first = items.at(-1)
  const { body: detail } = await getJson(supervisor, `/api/feishu/messages/${first?.eventId}`)
  expect(detail).toMatchObject({
    state: 'completed',
    replies: [{ part: 0, msgType: 'interactive', state: 'sent', content: expect.stringContaining('and more') }],
  })
})
