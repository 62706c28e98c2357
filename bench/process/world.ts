import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import type { SimulatedApp } from '../../src/simulator/shared/app-directory.ts'
import type { PlatformBoot, PlatformOrders } from '../parties/platform.ts'
import { Party } from './party.ts'
import type { SubjectBoot, SubjectOrders } from './subject-orders.ts'

/** What is measured: the supervisor on either database, the baselines, and the floors. */
export const SUBJECTS = {
  supervisor: { file: 'supervisor', label: 'supervisor, PostgreSQL', needsPostgres: true },
  embedded: { file: 'supervisor', label: 'supervisor, PGlite', needsPostgres: false },
  oneThread: { file: 'one-thread', label: 'A: one thread, official SDK', needsPostgres: false },
  channel: { file: 'channel', label: 'B: channel of the SDK', needsPostgres: false },
  insertFirst: { file: 'insert-first', label: 'C: A with one INSERT before the ack', needsPostgres: true },
  bareWorkers: { file: 'bare-workers', label: 'bare worker per bot, SDK tree-shaken', needsPostgres: false },
  wholeWorkers: { file: 'bare-workers', label: 'bare worker per bot, whole SDK', needsPostgres: false },
} as const

export type SubjectName = keyof typeof SUBJECTS

export interface WorldOptions extends Pick<SubjectBoot, 'handlerHangMs' | 'streaming'> {
  readonly subject: SubjectName
  readonly bots: number
  /** No outbound limits at the platform and in the supervisor. Default false. */
  readonly isUnlimited?: boolean
  /** Restarts of workers wait as they do for users. Default false. */
  readonly hasBackoff?: boolean
}

/** What worlds are made from. */
export interface Ground {
  /** The folder with the built files of the harness. */
  readonly built: string
  readonly postgresUrl: string
}

/** A platform and a subject whose bots are connected to it, each in its own process. */
export class World {
  readonly platform: Party<PlatformOrders>
  readonly apps: readonly SimulatedApp[]
  readonly #ground: Ground
  readonly #boot: SubjectBoot
  readonly #file: string
  #subject: Party<SubjectOrders> | undefined

  private constructor(
    ground: Ground,
    file: string,
    platform: Party<PlatformOrders>,
    boot: SubjectBoot,
    apps: readonly SimulatedApp[],
  ) {
    this.platform = platform
    this.apps = apps
    this.#ground = ground
    this.#boot = boot
    this.#file = file
  }

  static async open(
    ground: Ground,
    { subject: name, bots, isUnlimited = false, hasBackoff = false, ...more }: WorldOptions,
  ): Promise<World> {
    const { file, needsPostgres } = SUBJECTS[name]
    const apps = Array.from({ length: bots }, (_, index) => ({
      appId: `cli_${index.toString(16).padStart(16, '0')}`,
      appSecret: `fake-secret-${index}`,
      name: `bot ${index}`,
    }))
    const limits = isUnlimited ? { limits: { perChat: 0, perApp: 0, perAppMinute: 0 } } : {}
    const platformBoot: PlatformBoot = { apps, ...limits }
    const platform = await Party.start<PlatformOrders>(join(ground.built, 'platform.mjs'), platformBoot)
    const worker = { bareWorkers: 'bare-worker.cjs', wholeWorkers: 'whole-worker.cjs' }[name as 'bareWorkers']
    const boot: SubjectBoot = {
      url: await platform.order('url'),
      apps,
      dataDir: await mkdtemp(join(tmpdir(), 'feishu-supervisor-bench-')),
      handler: join(ground.built, worker ?? 'handler.mjs'),
      isUnlimited,
      hasBackoff,
      ...more,
      ...(needsPostgres && { databaseUrl: await freshDatabase(ground.postgresUrl) }),
    }
    const world = new World(ground, file, platform, boot, apps)
    await world.startSubject()
    return world
  }

  get subject(): Party<SubjectOrders> {
    if (this.#subject === undefined) throw new Error('the subject is not running')
    return this.#subject
  }

  /** Resolves with the time from the start of the process to the last bot's connection. */
  async startSubject(): Promise<number> {
    const after = await this.platform.order('seq')
    const startedAt = Date.now()
    this.#subject = await Party.start<SubjectOrders>(join(this.#ground.built, `${this.#file}.mjs`), this.#boot)
    if (this.apps.length === 0) return Date.now() - startedAt
    return (await this.platform.order('connected', { apps: this.apps.length, after })) - startedAt
  }

  /** Tolerates that it does not run. */
  async stopSubject(): Promise<void> {
    await this.#subject?.order('stop')
    await this.#subject?.end()
    this.#subject = undefined
  }

  /** So many chats of every app, or of those given, in an order that takes the apps in turn. */
  chats(perApp: number, apps = this.apps): { appId: string; chatId: string }[] {
    return Array.from({ length: perApp }, (_, chat) =>
      apps.map(({ appId }) => ({ appId, chatId: `oc_${appId}_${chat}` })),
    ).flat()
  }

  async close(): Promise<void> {
    await this.#subject?.end()
    await this.platform.end()
    await rm(this.#boot.dataDir, { recursive: true, force: true })
  }
}

let databaseCount = 0

/** A database of its own on the same server; the server goes with all of them. */
export async function freshDatabase(adminUrl: string): Promise<string> {
  const name = `bench_${process.pid}_${databaseCount++}`
  const admin = new Client({ connectionString: adminUrl })
  await admin.connect()
  await admin.query(`create database ${name}`)
  await admin.end()
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  return url.href
}
