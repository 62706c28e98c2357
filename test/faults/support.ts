import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import type { FeishuSupervisor, FeishuSupervisorOptions } from '../../src/index.ts'
import type { EntryOf, HistoryEntry, HistoryKind } from '../../src/simulator/history/history.ts'
import { launchSimulator, type LaunchedSimulator, type SimulatorConfig } from '../../src/simulator/launch.ts'
import { judge } from '../support/judge.ts'
import { HostProcess } from '../support/host-process.ts'
import { firstEntry } from '../support/first-entry.ts'
import { ADA, addConnected, APPS, type Cleanups, eventOf, FAST } from '../support/system.ts'

/** Nothing lost, doubled or out of order, and nothing buried that was not planted. */
export const CLEAN = { lost: 0, duplicated: 0, reordered: 0, complaints: [] }

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export const HANDLER = join(ROOT, 'test/drill/handler.mjs')

/** Feishu's redeliveries after 15 s, 5 min, 1 h, 6 h become 0.03 s, 0.6 s, 7 s, 43 s. */
const TIME_SCALE = 0.002

/** How often bots may speak is not what is tested here. */
const UNLIMITED = { perChat: 0, perApp: 0 }
export const FAST_REPLIES = { ...FAST.messages, repliesPerChatPerSecond: 1_000, repliesPerSecond: 1_000 }

/** A person beside the database, who sees what is committed. */
export async function connectAdmin(cleanups: Cleanups, url: string): Promise<Client> {
  const admin = new Client({ connectionString: url, application_name: 'admin' })
  // A server that is killed says so here first.
  admin.on('error', () => {})
  await admin.connect()
  cleanups.add(() => admin.end())
  return admin
}

/** An empty database on the server of this URL. */
export async function freshDatabase(cleanups: Cleanups, serverUrl: string): Promise<string> {
  const name = `faults_${randomBytes(6).toString('hex')}`
  const server = await connectAdmin(cleanups, serverUrl)
  await server.query(`create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** A supervisor in a process of its own that can be killed. */
export async function startHost(cleanups: Cleanups, options: FeishuSupervisorOptions): Promise<HostProcess> {
  const host = new HostProcess(ROOT, { ...FAST, handler: HANDLER, ...options }, {})
  cleanups.add(() => host.kill())
  await host.ready
  return host
}

export async function openSimulator(cleanups: Cleanups, config: SimulatorConfig = {}): Promise<LaunchedSimulator> {
  const simulator = await launchSimulator({ timeScale: TIME_SCALE, apps: APPS, limits: UNLIMITED, ...config })
  cleanups.add(() => simulator.stop())
  return simulator
}

/** A running supervisor with the bot Ada, and what she hears and says. */
export class Stage {
  readonly supervisor: FeishuSupervisor
  readonly simulator: LaunchedSimulator
  readonly botId: string
  #saidCount = 0
  #doneCount = 0
  #onDone: () => void = () => {}

  private constructor(supervisor: FeishuSupervisor, simulator: LaunchedSimulator, botId: string) {
    this.supervisor = supervisor
    this.simulator = simulator
    this.botId = botId
    supervisor.on('message', ({ stage }) => {
      if (stage !== 'replied') return
      this.#doneCount += 1
      this.#onDone()
    })
  }

  static async open(
    cleanups: Cleanups,
    options: FeishuSupervisorOptions,
    config: SimulatorConfig = {},
  ): Promise<Stage> {
    const simulator = await openSimulator(cleanups, config)
    const supervisor = cleanups.supervisor({
      dataDir: await cleanups.dataDir(),
      handler: HANDLER,
      ...options,
      messages: { ...FAST_REPLIES, ...options.messages },
    })
    await supervisor.start()
    return new Stage(supervisor, simulator, await addConnected(supervisor, ADA, simulator.url))
  }

  async say(text: string, chatId = 'oc_1'): Promise<string> {
    this.#saidCount += 1
    return (await this.simulator.client.sendText({ appId: ADA.appId, chatId, text })).messageId
  }

  /** Messages over all chats in turn; `text` tells the handler what to do. */
  async flood(text: string, count: number, perSecond: number, chats = 5): Promise<void> {
    this.#saidCount += count
    await this.simulator.client.startTraffic({
      chats: Array.from({ length: chats }, (_, index) => ({ appId: ADA.appId, chatId: `oc_${index}` })),
      count,
      perSecond,
      textPrefix: text,
    })
  }

  /** Resolves when everything said has its reply; rejects with what is missing. */
  async allAnswered(timeoutMs = 20_000): Promise<readonly HistoryEntry[]> {
    const { client } = this.simulator
    const { isComplete } = await client.waitForReplies({ count: this.#saidCount, timeoutMs })
    const history = await client.history()
    if (!isComplete) throw new Error(`not everything is answered: ${JSON.stringify(judge(history, []))}`)
    return history
  }

  /** Resolves when the supervisor knows of everything said that its reply is out, which is later than the platform shows it. */
  allDone(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDone = () => {
        if (this.#doneCount === this.#saidCount) resolve()
      }
      this.#onDone()
    })
  }

  async storeReady(): Promise<void> {
    const ready = eventOf(this.supervisor, 'store', (event) => event.ready)
    const { store } = await this.supervisor.status()
    if (!store.ready) await ready
  }

  /** Resolves with the reason of the next dead letter. */
  dead(): Promise<string> {
    return new Promise((resolve) => {
      const off = this.supervisor.on('message', (event) => {
        if (event.stage !== 'dead') return
        off()
        resolve(event.reason)
      })
    })
  }

  /** Resolves with the first entry of this kind, past or future, for which the predicate holds. */
  async entry<K extends HistoryKind>(
    kind: K,
    isWanted: (entry: EntryOf<K>) => boolean = () => true,
  ): Promise<EntryOf<K>> {
    const { client } = this.simulator
    return (await firstEntry(client, (entry) => entry.kind === kind && isWanted(entry as EntryOf<K>))) as EntryOf<K>
  }
}

export function entriesOf<K extends HistoryKind>(history: readonly HistoryEntry[], kind: K): EntryOf<K>[] {
  return history.filter((entry): entry is EntryOf<K> => entry.kind === kind)
}

/** Acknowledged events of which the database knows nothing. There must never be one. */
export async function unsavedAcks(history: readonly HistoryEntry[], admin: Client): Promise<string[]> {
  const acked = entriesOf(history, 'acked').filter(({ code }) => code === 200)
  const { rows } = await admin.query<{ dedupe_key: string }>('select dedupe_key from feishu_inbox')
  const saved = new Set(rows.map((row) => row.dedupe_key))
  return acked.map(({ messageId }) => messageId).filter((id) => !saved.has(`m:${id}`))
}

/** Acknowledgements that came too late to count; the platform pushes such events again. */
export function lateAcks(history: readonly HistoryEntry[]): EntryOf<'acked'>[] {
  return entriesOf(history, 'acked').filter(({ late, code }) => late && code === 200)
}
