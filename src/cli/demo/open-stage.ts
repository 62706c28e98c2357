import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFeishuSupervisor } from '../../app/create-feishu-supervisor.ts'
import type { FeishuSupervisor } from '../../app/feishu-supervisor.ts'
import { type LaunchedSimulator, launchSimulator } from '../../simulator/launch.ts'
import type { CliConfig } from '../environment.ts'
import { type HttpServer, serve } from '../serve.ts'

export interface StageBot {
  readonly botId: string
  readonly name: string
  readonly appId: string
  readonly chatIds: readonly string[]
}

/** Running parts of the demo. */
export interface Stage {
  readonly simulator: LaunchedSimulator
  readonly supervisor: FeishuSupervisor
  readonly server: HttpServer
  readonly bots: readonly StageBot[]
  /** Token of the HTTP API. */
  readonly apiToken: string
  /** Closes everything. Leaves no process, port, lock or folder behind. */
  close(): Promise<void>
}

/** Factor of the waits of the simulator: 15 s before the first redelivery become 0.75 s. */
const TIME_SCALE = 0.05

const CAST = [
  { name: 'Ada', appId: 'cli_00000000000000a1', appSecret: 'demo-secret-of-ada' },
  { name: 'Ben', appId: 'cli_00000000000000b2', appSecret: 'demo-secret-of-ben' },
]

const CHATS_PER_BOT = 5

export async function openStage({ host, port, isPortGiven, options }: CliConfig): Promise<Stage> {
  const cleanups: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  }
  try {
    const dataDir = await mkdtemp(join(tmpdir(), 'feishu-supervisor-demo-'))
    cleanups.push(() => rm(dataDir, { recursive: true, force: true }))
    const simulator = await launchSimulator({ timeScale: TIME_SCALE, apps: CAST })
    cleanups.push(() => simulator.stop())
    const { databaseUrl: _never, ...rest } = options
    const supervisor = createFeishuSupervisor({ ...rest, dataDir })
    const server = await serve(supervisor.fetch, { host, port: isPortGiven ? port : 0 })
    cleanups.push(() => server.close())
    cleanups.push(() => supervisor.stop())
    await supervisor.start()
    const { token: apiToken } = await supervisor.createToken({ owner: 'admin', role: 'admin', expiresInDays: 1 })

    const bots: StageBot[] = []
    const connected = allConnected(supervisor, CAST.length)
    for (const { name, appId, appSecret } of CAST) {
      const { id } = await supervisor.addBot({ name, appId, appSecret, domain: simulator.url, useWebSocket: true })
      const chatIds = Array.from({ length: CHATS_PER_BOT }, (_, index) => `oc_${name.toLowerCase()}_${index + 1}`)
      bots.push({ botId: id, name, appId, chatIds })
    }
    await connected
    return { simulator, supervisor, server, bots, apiToken, close }
  } catch (thrown) {
    await close()
    throw thrown
  }
}

function allConnected(supervisor: FeishuSupervisor, count: number): Promise<void> {
  const connected = new Set<string>()
  return new Promise((resolve) => {
    const off = supervisor.on('bot', ({ botId, connection }) => {
      if (connection.state === 'connected') connected.add(botId)
      if (connected.size < count) return
      off()
      resolve()
    })
  })
}
