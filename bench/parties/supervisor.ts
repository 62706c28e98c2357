import { createFeishuSupervisor } from '../../src/app/create-feishu-supervisor.ts'
import { readBoot, serveOrders } from '../process/serve-orders.ts'
import { commonOrders, type SubjectBoot, type SubjectOrders } from '../process/subject-orders.ts'
import { heapOfThreads, releaseHeld } from './thread-orders.ts'

// The system that is measured: the published threads, with the options of a user.

const { url, apps, databaseUrl, dataDir, handler, isUnlimited, hasBackoff, handlerHangMs, streaming } =
  readBoot() as SubjectBoot
const MANY = 1_000_000

const supervisor = createFeishuSupervisor({
  dataDir,
  handler,
  ...(streaming && { handlers: { streams: streaming.handler } }),
  ...(databaseUrl === undefined ? {} : { databaseUrl }),
  maxConnections: Math.max(10, apps.length),
  // A crash loop that would be parked after five restarts goes on as long as it is measured.
  supervision: { limit: { intensity: MANY }, ...(!hasBackoff && { backoff: { firstMs: 100, maxMs: 200 } }) },
  messages: {
    ...(handlerHangMs !== undefined && { handlerHangMs }),
    ...(isUnlimited && {
      repliesPerChatPerSecond: MANY,
      repliesPerSecond: MANY,
      inboundPerSecond: MANY,
      inboundBurst: MANY,
    }),
  },
})

await supervisor.start()
const known = new Map((await supervisor.listBots()).map((bot) => [bot.appId, bot.id]))
const firstStreaming = apps.length - (streaming?.bots ?? 0)
for (const [index, app] of apps.entries()) {
  if (known.has(app.appId)) continue
  const handlerName = index < firstStreaming ? {} : { handler: 'streams' }
  const { id } = await supervisor.addBot({ ...app, ...handlerName, domain: url, useWebSocket: true })
  known.set(app.appId, id)
}

serveOrders<SubjectOrders>({
  ...commonOrders(),
  killBot: (appId) => supervisor.killBot(known.get(appId) ?? appId),
  busyRuns: async () => (await supervisor.status()).pool.busy,
  handlerHeaps: async () => await heapOfThreads((await supervisor.status()).pool.threads),
  release: releaseHeld,
  stop: () => supervisor.stop(),
})
