import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll } from 'vitest'
import type { FeishuSupervisor, FeishuSupervisorOptions } from '../../src/index.ts'
import type { SimulatorClient } from '../../src/simulator/control/client.ts'
import type { HistoryEntry } from '../../src/simulator/history/history.ts'
import type { LaunchedSimulator } from '../../src/simulator/launch.ts'
import { firstEntry } from './first-entry.ts'
import { addConnected, Cleanups } from './system.ts'

type More = Partial<Omit<Parameters<FeishuSupervisor['addBot']>[0], 'appId' | 'appSecret' | 'name' | 'domain'>>

/** A bot of one test. What it tells of the platform's history is about this bot alone. */
export class OwnBot {
  readonly appId: string
  readonly botId: string
  readonly client: SimulatorClient

  constructor(appId: string, botId: string, client: SimulatorClient) {
    this.appId = appId
    this.botId = botId
    this.client = client
  }

  async history(): Promise<HistoryEntry[]> {
    return (await this.client.history()).filter((entry) => 'appId' in entry && entry.appId === this.appId)
  }

  /** Resolves with the first entry about this bot, past or future, for which the predicate holds. */
  entry(isWanted: (entry: HistoryEntry) => boolean): Promise<HistoryEntry> {
    return firstEntry(this.client, (entry) => 'appId' in entry && entry.appId === this.appId && isWanted(entry))
  }

  /** Resolves when so many messages have a visible reply of this bot. */
  async replied(count: number): Promise<void> {
    const answered = new Set<string>()
    await this.entry((entry) => {
      if (entry.kind === 'message_created' && entry.replyTo !== undefined) answered.add(entry.replyTo)
      return answered.size >= count
    })
  }
}

/** One platform and one supervisor for all tests of a file; each test adds a bot of its own, which ends with the test. */
export class SharedStage {
  readonly #file = new Cleanups()
  readonly #test = new Cleanups()
  #simulator: LaunchedSimulator | undefined
  #supervisor: FeishuSupervisor | undefined

  constructor(options: FeishuSupervisorOptions = {}) {
    beforeAll(async () => {
      this.#simulator = await this.#file.simulator()
      this.#supervisor = this.#file.supervisor({ dataDir: await this.#file.dataDir(), ...options })
      await this.#supervisor.start()
    })
    afterEach(this.#test.run)
    afterAll(this.#file.run)
  }

  get simulator(): LaunchedSimulator {
    if (this.#simulator === undefined) throw new Error('the stage is not open')
    return this.#simulator
  }

  get supervisor(): FeishuSupervisor {
    if (this.#supervisor === undefined) throw new Error('the stage is not open')
    return this.#supervisor
  }

  async bot(more: More = {}): Promise<OwnBot> {
    const { simulator, supervisor } = this
    const app = { appId: `cli_${randomBytes(8).toString('hex')}`, appSecret: 'fake-secret', name: 'Ada' }
    await simulator.client.addApp(app)
    const botId = await addConnected(supervisor, { ...app, ...more }, simulator.url)
    this.#test.add(() => supervisor.removeBot(botId))
    return new OwnBot(app.appId, botId, simulator.client)
  }
}
