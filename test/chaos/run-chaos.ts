import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import type { FeishuSupervisorOptions } from '../../src/index.ts'
import type { HistoryEntry } from '../../src/simulator/history/history.ts'
import { launchSimulator } from '../../src/simulator/launch.ts'
import type { DeadLetter } from '../../src/protocol/model/message.ts'
import { HostProcess } from '../support/host-process.ts'
import { provideOwnPostgres } from '../support/postgres.ts'
import { FaultProxy } from '../support/fault-proxy.ts'
import { judge, openMessages } from '../support/judge.ts'
import { type Arena, type Chat, NEMESES, type Said, type NemesisName } from './nemeses.ts'
import type { ChaosOptions } from './options.ts'
import { oneOf, seededRandom } from '../support/seeded-random.ts'

interface Surroundings {
  readonly root: string
  readonly folder: string
  say(line: string): void
}

const BOTS = 4
const CHATS_PER_BOT = 6
const THREADS = 2
const PER_SECOND = 24
/** So many handlers of slow messages wait at a time, per bot. */
const SLOW_CHATS_PER_BOT = 50
/** A little more than they wait; see test/drill/handler.mjs. */
const SLOW_EVERY_MS = 3_000
/** Every nemesis has to strike this often after the traffic began. */
const STRIKES = 3
const DRAIN_MS = 150_000
/** What a planted bug has ruined does not heal. */
const PLANTED_DRAIN_MS = 30_000
/** One in so many messages asks for something else than one reply. */
const SPECIAL_EVERY = 40
const SPECIALS = ['silent', 'double', 'poison', 'double', 'silent']

/** Answers whether the run was clean. */
export async function runChaos(options: ChaosOptions, { root, folder, say }: Surroundings): Promise<boolean> {
  const random = seededRandom(options.seed)
  const cleanups: (() => Promise<unknown>)[] = []
  say(`seed ${options.seed}, ${options.store}, ${options.seconds} s: ${options.nemeses.join(', ')}`)
  try {
    const apps = Array.from({ length: BOTS }, (_, index) => ({
      appId: `cli_00000000000000c${index}`,
      appSecret: `fake-secret-${index}`,
      name: `bot ${index}`,
    }))
    // Feishu's ladder of 15 s, 5 min, 1 h, 6 h becomes 0.03 s, 0.6 s, 7 s, 43 s.
    const simulator = await launchSimulator(
      // Half-open connections are found by their pings.
      { timeScale: 0.002, seed: options.seed, apps, clientConfig: { PingInterval: 0.5 } },
      join(root, 'dist/simulator/main.js'),
    )
    cleanups.push(() => simulator.stop())
    const { client } = simulator
    const database = options.store === 'postgres' ? await openPostgres(cleanups) : undefined
    const supervisorOptions = await chaosOptions(root, folder, database?.url)
    const startHost = async (): Promise<HostProcess> => {
      const started = new HostProcess(
        root,
        supervisorOptions,
        options.plant === undefined ? {} : { plant: options.plant },
      )
      cleanups.push(() => started.kill())
      await started.ready
      return started
    }
    let host = await startHost()

    const bots: { appId: string; botId: string }[] = []
    for (const app of apps) {
      const { id } = await host.order('addBot', { ...app, domain: simulator.url })
      bots.push({ appId: app.appId, botId: id })
    }
    const chats: readonly Chat[] = apps.flatMap(({ appId }, bot) =>
      Array.from({ length: CHATS_PER_BOT }, (_, chat) => ({ appId, chatId: `oc_${bot}_${chat}` })),
    )
    const slowChats: readonly Chat[] = apps.flatMap(({ appId }, bot) =>
      Array.from({ length: SLOW_CHATS_PER_BOT }, (_, chat) => ({ appId, chatId: `oc_slow_${bot}_${chat}` })),
    )
    let sentCount = 0
    const speak = async (behaviour: string, chat = oneOf(chats, random)): Promise<Said> => {
      const { messageId } = await client.sendText({ ...chat, text: `special ${sentCount++} ${behaviour}` })
      return { messageId, chat }
    }
    const arena: Arena = {
      client,
      get host() {
        return host
      },
      apps: bots,
      random,
      say: speak,
      linger: () =>
        client.startTraffic({
          chats: slowChats,
          count: slowChats.length,
          perSecond: 1_000,
          textPrefix: `linger ${sentCount++}`,
        }),
      pause: (ms) => delay(ms),
      async restartHost() {
        await host.kill()
        host = await startHost()
      },
      async secondHost() {
        host = await startHost()
        return host
      },
      ...(database === undefined ? {} : { proxy: database.proxy, executingOwner: database.executingOwner }),
      ...(database?.server === undefined ? {} : { database: database.server }),
    }

    // Bots that connect late are served late: the traffic does not wait for them.
    await client.startTraffic({
      chats,
      count: options.seconds * PER_SECOND,
      perSecond: PER_SECOND,
      textPrefix: 'chaos',
    })
    const strikes = await torment(arena, options, random, speak, say)

    say('no more faults: everything has to come to its end by itself')
    const history = await drain(arena, options.plant === undefined ? DRAIN_MS : PLANTED_DRAIN_MS, say)
    const deadLetters = await allDeadLetters(host)
    await host.order('stop')

    const { complaints, ...figures } = judge(history, deadLetters)
    const rare = options.nemeses.filter((name) => (strikes.get(name) ?? 0) < STRIKES)
    const { accepted, replied, noReply, deadLettered, lost, duplicated, reordered } = figures
    const violations = lost + duplicated + reordered
    const all = [
      ...complaints,
      ...(accepted < 10 * options.seconds ? [`only ${accepted} messages were accepted`] : []),
      ...rare.map((name) => `the nemesis ${name} struck ${strikes.get(name) ?? 0} times only`),
      ...(replied + noReply + deadLettered === accepted ? [] : ['accepted messages are unaccounted for']),
    ]
    for (const complaint of all.slice(0, 40)) say(`WRONG: ${complaint}`)
    if (all.length > 0) {
      await writeFile(join(folder, 'history.jsonl'), history.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
      await database?.dump(folder)
    }
    const struck = (kind: 'kill' | 'fault'): number =>
      NEMESES.filter((nemesis) => nemesis.kind === kind).reduce((sum, { name }) => sum + (strikes.get(name) ?? 0), 0)
    // With a planted bug only what it did to messages counts: a run that was merely too short must not pass for a catch.
    if (options.plant !== undefined && violations === 0) say(`the planted bug ${options.plant} was not noticed`)
    const { seed, store } = options
    say(JSON.stringify({ seed, store, ...figures, kills: struck('kill'), faults: struck('fault') }))
    return violations === 0 && (options.plant !== undefined || all.length === 0)
  } finally {
    for (const cleanup of cleanups.toReversed()) await cleanup()
  }
}

/** Strikes until the time is over; every nemesis in turn, in a new order each round. */
async function torment(
  arena: Arena,
  { seconds, nemeses }: ChaosOptions,
  random: () => number,
  speak: Arena['say'],
  say: (line: string) => void,
): Promise<Map<string, number>> {
  const strikes = new Map<string, number>()
  const until = Date.now() + seconds * 1_000
  let strikesLeft = nemeses.length * STRIKES
  let special = 0
  const specialEveryMs = (SPECIAL_EVERY / PER_SECOND) * 1_000
  const speaking = setInterval(() => {
    void speak(SPECIALS[special++ % SPECIALS.length] ?? 'silent').catch(() => {})
  }, specialEveryMs)
  const lingering = nemeses.includes('slow')
    ? setInterval(() => void arena.linger().catch(() => {}), SLOW_EVERY_MS)
    : undefined
  try {
    while (Date.now() < until) {
      const round = shuffled(nemeses, random)
      const missed = new Set<NemesisName>()
      // An array that grows while it is walked: what misses comes again at the end of its round, once.
      for (const name of round) {
        if (Date.now() >= until) break
        const nemesis = NEMESES.find((one) => one.name === name)
        try {
          await nemesis?.strike(arena)
          strikes.set(name, (strikes.get(name) ?? 0) + 1)
        } catch (thrown) {
          // Its victim was down already.
          say(`${name} missed: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
          if (!missed.has(name)) round.push(name)
          missed.add(name)
        }
        strikesLeft = Math.max(nemeses.length, strikesLeft - 1)
        // Half of the time is for the strikes themselves.
        await delay((0.5 + random()) * Math.max(0, ((until - Date.now()) / strikesLeft) * 0.5))
      }
    }
  } finally {
    clearInterval(speaking)
    clearInterval(lingering)
  }
  say(`struck: ${[...strikes].map(([name, count]) => `${name} ${count}`).join(', ')}`)
  return strikes
}

/** Waits until every message is acknowledged or given up by the platform and the inbox is empty. */
async function drain(arena: Arena, mostMs: number, say: (line: string) => void): Promise<HistoryEntry[]> {
  const until = Date.now() + mostMs
  for (;;) {
    const history = await arena.client.history()
    const open = openMessages(history)
    const status = await arena.host.order('status')
    // What was acknowledged last may have been answered between the two looks.
    if (open.size === 0 && status.inbox.depth === 0 && status.store.ready) return await arena.client.history()
    if (Date.now() > until) {
      say(`WRONG: after the drain ${open.size} messages are unacknowledged, ${status.inbox.depth} in the inbox`)
      return history
    }
    await delay(500)
  }
}

async function allDeadLetters(host: HostProcess): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = []
  for (;;) {
    const page = await host.order('deadLetters', { limit: 100, offset: letters.length })
    letters.push(...page)
    if (page.length < 100) return letters
  }
}

async function openPostgres(cleanups: (() => Promise<unknown>)[]): Promise<{
  url: string
  proxy: FaultProxy
  server: Arena['database']
  executingOwner: NonNullable<Arena['executingOwner']>
  dump(folder: string): Promise<void>
}> {
  const postgres = await provideOwnPostgres()
  if ('skip' in postgres) throw new Error(postgres.skip)
  cleanups.push(() => postgres.drop())
  const url = new URL(postgres.url)
  const proxy = new FaultProxy({ host: url.hostname, port: Number(url.port) })
  url.port = String(await proxy.start())
  cleanups.push(() => proxy.stop())
  return {
    url: url.href,
    proxy,
    server: postgres.server,
    executingOwner: (messageId) => executingOwner(postgres.url, messageId),
    dump: (folder) => dumpTables(postgres.url, folder),
  }
}

async function executingOwner(url: string, messageId: string): Promise<string | undefined> {
  const text = `select owner from feishu_inbox where state = 'executing' and dedupe_key = $1`
  const [row] = await withClient(
    url,
    async (client) => (await client.query<{ owner: string }>(text, [`m:${messageId}`])).rows,
  )
  return row?.owner
}

async function dumpTables(url: string, folder: string): Promise<void> {
  await withClient(url, async (client) => {
    for (const table of ['feishu_inbox', 'feishu_outbox', 'feishu_lanes']) {
      const { rows } = await client.query<object>(`select * from ${table}`)
      await writeFile(join(folder, `${table}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    }
  })
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** Production's waits scaled down; what is retried without end in production is so here, only faster. */
async function chaosOptions(
  root: string,
  folder: string,
  databaseUrl: string | undefined,
): Promise<FeishuSupervisorOptions> {
  const dataDir = join(folder, 'data')
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const backoff = { firstMs: 50, maxMs: 1_000 }
  return {
    dataDir,
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    handler: join(root, 'test/drill/handler.mjs'),
    // A kill is no crash loop: the budget must outlast the run.
    supervision: { limit: { intensity: 1_000, periodMs: 60_000 }, backoff: { firstMs: 20, maxMs: 200 } },
    connection: { backoff, pongTimeoutMs: 1_000, sendTimeoutMs: 2_000, serverErrorDelayMs: 300, limitDelayMs: 300 },
    messages: {
      threads: THREADS,
      handlerTimeoutMs: 6_000,
      maxAttempts: 12,
      backoff,
      replyBackoff: backoff,
      leaseMs: 2_000,
    },
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, rank: random() }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}
