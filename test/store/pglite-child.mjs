// Opens an embedded database from the built files and holds it; with `write` it also stores events without end.
import { randomBytes } from 'node:crypto'
import { Secret } from '../../dist/core/log/secret.js'
import { openPglite } from '../../dist/store/open/open-pglite.js'

const [dataDir, workerPath, migrationsDir, task] = process.argv.slice(2)
const masterKey = new Secret(randomBytes(32).toString('base64'))
const store = await openPglite({ dataDir, workerPath, migrationsDir, masterKey })
process.send({ kind: 'open' })

if (task !== 'write') await new Promise(() => {})
for (let n = 0; ; n++) {
  const keys = Array.from({ length: 5 }, (_none, index) => `m:${n}-${index}`)
  await store.inbox.accept(
    keys.map((dedupeKey) => ({
      botId: 'bot_a',
      event: { dedupeKey, eventId: dedupeKey, type: 't', lane: dedupeKey, createdAt: 0, payload: '{}' },
    })),
  )
  await new Promise((resolve) => process.send({ kind: 'stored', keys }, resolve))
}
