import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type BotSource,
  type BotWriter,
  createFeishuSupervisor,
  type FeishuSupervisor,
  type SourceBot,
} from '../../src/index.ts'
import { FeishuSimulator } from '../../src/simulator/simulator.ts'
import { Client } from '../support/http.ts'
import { API_TOKEN, Cleanups, eventOf, FAST } from '../support/system.ts'

const cleanups = new Cleanups()
afterAll(cleanups.run)

/** A host's own table of bots, in memory. */
class Table {
  readonly rows = new Map<string, { -readonly [F in keyof SourceBot]: SourceBot[F] } & { wsConnectionState?: string }>()
  readonly recorded: [string, object][] = []
  isDown = false
  #changed: (id?: string) => void = () => {}

  readonly source: BotSource = {
    list: () => this.#up() && [...this.rows.values()],
    get: async (id) => this.#up() && (this.rows.get(id) ?? null),
    watch: (changed) => {
      this.#changed = changed
      return () => {
        this.#changed = () => {}
      }
    },
    record: async (id, record) => {
      this.recorded.push([id, record])
      Object.assign(Object(this.rows.get(id)), record)
      this.#changed(id)
    },
  }

  set(row: SourceBot): void {
    this.rows.set(String(row.id), { ...this.rows.get(String(row.id)), ...row })
    this.#changed(String(row.id))
  }

  remove(id: string): void {
    this.rows.delete(id)
    this.#changed(id)
  }

  changed(): void {
    this.#changed()
  }

  #up(): true {
    if (this.isDown) throw new Error('the table is away')
    return true
  }
}

describe('bots that the host keeps itself', () => {
  const feishu = new FeishuSimulator()
  const table = new Table()
  let supervisor: FeishuSupervisor
  let client: Client
  let dataDir: string
  let domain: string
  const [ada, ben] = [feishu.addApp({ name: 'Ada' }), feishu.addApp({ name: 'Ben' })]

  const isConnected = (id: string) =>
    eventOf(supervisor, 'bot', ({ botId, connection }) => botId === id && connection.state === 'connected')
  const answers = async (app: typeof ada, text: string): Promise<string> =>
    (await feishu.user('Tom').chatWith(app).say(text).reply()).text

  beforeAll(async () => {
    cleanups.add(() => feishu.stop())
    domain = (await feishu.start()).url
    dataDir = await cleanups.dataDir()
    table.set({ ...ada, id: 'host-1', domain, owner: 'ann', useWebSocket: true })
    supervisor = cleanups.supervisor({ dataDir, botSource: table.source })
    client = new Client(supervisor)
    const connected = isConnected('host-1')
    await supervisor.start()
    await connected
  })

  it('run as they are there, and their state is written back', async () => {
    expect(await answers(ada, 'hello')).toBe('hello')
    expect(table.rows.get('host-1')).toMatchObject({ wsConnectionState: 'connected' })
    expect(await client.call('GET', '/api/feishu/bots/host-1')).toMatchObject({
      body: { id: 'host-1', name: 'Ada', owner: 'ann', useWebSocket: true, wsConnectionState: 'connected' },
    })
    const { items } = await supervisor.listMessages({ botIds: ['host-1'], limit: 1, offset: 0 })
    expect(items).toHaveLength(1)
  })

  it('come, change and go while all runs', async () => {
    const connected = isConnected('2')
    table.set({ ...ben, id: 2, domain, useWebSocket: true, appSecret: 'fake-but-wrong' })
    await eventOf(supervisor, 'bot', ({ botId, connection }) => botId === '2' && connection.state === 'failed')
    table.set({ ...ben, id: 2 })
    await connected
    expect(await answers(ben, 'me too')).toBe('me too')

    const idle = eventOf(supervisor, 'bot', ({ botId, connection }) => botId === '2' && connection.state === 'idle')
    table.set({ ...ben, id: 2, useWebSocket: false })
    await idle
    const gone = eventOf(supervisor, 'removed', ({ botId }) => botId === '2')
    table.remove('2')
    await gone
    const { bots } = await supervisor.status()
    expect(bots).toMatchObject([{ botId: 'host-1', child: { incarnation: 1 }, connection: { state: 'connected' } }])
  })

  it('are told to connect and disconnect through the API, and changed by the host alone', async () => {
    const path = '/api/feishu/bots/host-1'
    expect(await client.call('POST', `${path}/ws/disconnect`)).toMatchObject({ status: 200 })
    expect(table.rows.get('host-1')).toMatchObject({ useWebSocket: false })
    const connected = isConnected('host-1')
    expect(await client.call('POST', `${path}/ws/connect`)).toMatchObject({ status: 200 })
    await connected
    expect(table.rows.get('host-1')).toMatchObject({ useWebSocket: true })

    const refused = { status: 409, body: { error: expect.stringContaining('belong to the application') } }
    expect(await client.call('PATCH', path, { name: 'New' })).toMatchObject(refused)
    expect(await client.call('DELETE', path)).toMatchObject(refused)
    const { name: _name, ...credentials } = ben
    expect(
      await client.call('POST', '/api/feishu/bots', { ...credentials, domain: 'https://open.feishu.cn' }),
    ).toMatchObject(refused)
  })

  it('are changed through the API where the host takes that', async () => {
    const appId = 'cli_00000000000000e5'
    Object.assign(table.source, {
      writer: {
        add: (bot) => {
          table.rows.set('added', { ...bot, id: 'added' })
          return 'added'
        },
        update: (id, change) => void Object.assign(Object(table.rows.get(id)), change),
        remove: (id) => void table.rows.delete(id),
      } satisfies BotWriter,
    })
    const added = { appId, appSecret: 'fake-secret-e', domain: 'https://open.feishu.cn', owner: 'bob' }
    expect(await client.call('POST', '/api/feishu/bots', added)).toMatchObject({ status: 201, body: { id: 'added' } })
    expect(table.rows.get('added')).toMatchObject(added)
    const path = '/api/feishu/bots/added'
    const change = { name: 'New', appSecret: 'fake-secret-f' }
    expect(await client.call('PATCH', path, change)).toMatchObject({ status: 200, body: { name: 'New' } })
    expect(table.rows.get('added')).toMatchObject(change)
    expect(await client.call('DELETE', path)).toMatchObject({ status: 200 })
    expect(table.rows.has('added')).toBe(false)
    Object.assign(table.source, { writer: undefined })
  })

  it('go on while their table is away, which is told, and are read again when it is back', async () => {
    const alerts: string[] = []
    const stopListening = supervisor.on('alert', ({ kind, state }) => alerts.push(`${state} ${kind}`))
    const raised = eventOf(supervisor, 'alert', ({ kind }) => kind === 'bot_source_failing')
    table.isDown = true
    table.changed()
    await raised
    expect(await answers(ada, 'still there?')).toBe('still there?')
    expect(await client.call('GET', '/api/feishu/supervisor')).toMatchObject({
      body: { botSource: { ready: false, error: { message: expect.stringContaining('the table is away') } } },
    })
    // A change that nobody is told of: it is found when the table is read again.
    const cleared = eventOf(supervisor, 'alert', ({ state }) => state === 'cleared')
    table.rows.set('3', { ...ben, id: '3', domain })
    table.isDown = false
    await cleared
    stopListening()
    expect(alerts).toEqual(['raised bot_source_failing', 'cleared bot_source_failing'])
    expect((await supervisor.status()).bots.map(({ botId }) => botId)).toEqual(['host-1', '3'])
  })

  it('come back with a new supervisor thread, as they were if their table is away just then', async () => {
    const connected = isConnected('host-1')
    table.isDown = true
    supervisor.killSupervisor()
    await connected
    expect(await answers(ada, 'again')).toBe('again')
    table.isDown = false
    table.changed()
  })

  it('are not stored here', async () => {
    await supervisor.stop()
    expect(table.rows.get('host-1')).toMatchObject({ wsConnectionState: 'disconnected' })
    const ours = createFeishuSupervisor({ ...FAST, dataDir, apiToken: API_TOKEN })
    await ours.start()
    expect(await ours.listBots()).toEqual([])
    await ours.stop()
  })
})

it.each([null, {}, { list: () => [] }])('refuses %j for a source of bots', (botSource) => {
  expect(() => createFeishuSupervisor({ botSource: botSource as unknown as BotSource })).toThrow(
    /botSource: expected an object with the functions list, get and watch/,
  )
})
