import { parentPort, workerData } from 'node:worker_threads'
import { onDatabaseFault } from '../../src/core/crash-point.ts'
import { toErrorRecord } from '../../src/core/errors.ts'
import type { PgliteBoot, PgliteNotice, PgliteOrder } from '../../src/protocol/pglite.ts'
import { lockDataDir } from './data-dir-lock.ts'
import { openDatabase, prepareDataDir } from './open-database.ts'
import { DatabaseSession } from './database-session.ts'

if (parentPort === null) throw new Error('this file is the entry of a worker thread')
const parent = parentPort
const { dataDir } = workerData as PgliteBoot
const notify = (notice: PgliteNotice) => parent.postMessage(notice)

/** Opens the database under the lock. The lock ends with the thread; `release` only frees it a little earlier. */
async function run(): Promise<void> {
  await prepareDataDir(dataDir)
  const lock = await lockDataDir(dataDir)
  const database = await openDatabase(dataDir)
  const session = new DatabaseSession(database)
  parent.on('message', (order: PgliteOrder) => {
    if (order.kind === 'connect') session.connect(order.port)
    else
      void session
        .close()
        .then(lock.release)
        .finally(() => process.exit(0))
  })
  onDatabaseFault((fault) => {
    if (fault.kind === 'end') process.exit(1)
  })
  notify({ kind: 'ready' })
}

run().catch((thrown: unknown) => {
  notify({ kind: 'failed', error: toErrorRecord(thrown) })
  process.exit(1)
})
