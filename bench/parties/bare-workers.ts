import { Worker } from 'node:worker_threads'
import type { SimulatedApp } from '../../src/simulator/shared/app-directory.ts'
import { readBoot, serveOrders } from '../process/serve-orders.ts'
import { commonOrders, type SubjectBoot, type SubjectOrders, withoutPool } from '../process/subject-orders.ts'

// A thread per bot, started again when it ends: the floor for restarts and cold starts.

const { url, apps, handler: file } = readBoot() as SubjectBoot
const workers = new Map<string, Worker>()

function spawn(app: SimulatedApp): void {
  const worker = new Worker(file, { workerData: { app, url } })
  workers.set(app.appId, worker)
  worker.once('exit', () => spawn(app))
}

for (const app of apps) spawn(app)

serveOrders<SubjectOrders>({
  ...commonOrders(),
  ...withoutPool,
  killBot: async (appId) => void (await workers.get(appId)?.terminate()),
  stop: () => Promise.resolve(),
})
