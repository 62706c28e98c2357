import { createAccessStore } from '../bots/access.ts'
import { createBotStore } from '../bots/bots.ts'
import type { Database, Statement } from '../database/database.ts'
import { Inbox } from '../inbox/inbox.ts'
import { createInstanceStore } from '../inbox/instances.ts'
import { createKeyStore } from '../bots/keys.ts'
import { createMessageLog } from '../log/message-log.ts'
import { createReplyStore } from '../inbox/reply-store.ts'
import type { SecretBox } from '../bots/secrets.ts'
import type { Store } from '../store.ts'

const PING: Statement = { name: 'feishu_ping', text: 'select 1' }

const SETTINGS: Statement = {
  name: 'feishu_settings',
  text: `select current_setting('server_version') as version, current_setting('fsync') = 'on' as fsync,
    current_setting('synchronous_commit') <> 'off' as "synchronousCommit"`,
}

/**
 * Makes the store over a database that is open and migrated. `close` closes the rest that was opened with the database.
 */
export function createStore(
  kind: Store['kind'],
  database: Database,
  secrets: SecretBox,
  close: () => Promise<void>,
): Store {
  return {
    kind,
    bots: createBotStore(database, secrets),
    inbox: new Inbox(database),
    replies: createReplyStore(database),
    instances: createInstanceStore(database),
    log: createMessageLog(database),
    access: createAccessStore(database),
    keys: createKeyStore(database, secrets),
    async ping() {
      await database.query(PING, [], 'answering a ping')
    },
    async settings() {
      type Settings = Awaited<ReturnType<Store['settings']>>
      const [settings] = await database.query<Settings>(SETTINGS, [], 'reading its settings')
      return settings ?? { version: 'unknown', fsync: true, synchronousCommit: true }
    },
    async close() {
      await database.close()
      await close()
    },
  }
}
