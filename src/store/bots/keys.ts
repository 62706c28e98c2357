import { eq } from 'drizzle-orm'
import { crashPoint } from '../../core/crash-point.ts'
import { Secret } from '../../core/log/secret.ts'
import { openedBot, SEALED_COLUMNS, sealedValues } from './bots.ts'
import type { Database } from '../database/database.ts'
import { bots, keyCheck } from '../schema.ts'
import type { SealContext, SecretBox } from './secrets.ts'
import type { KeyStore } from '../store.ts'

const CHECK_ID = 1
const CHECK_CONTEXT: SealContext = { table: 'feishu_key_check', column: 'sealed', rowId: '1', owner: '' }
const CHECK_TEXT = new Secret('feishu-supervisor')

export function createKeyStore(database: Database, secrets: SecretBox): KeyStore {
  const checkValues = () => ({ id: CHECK_ID, sealed: secrets.seal(CHECK_TEXT, CHECK_CONTEXT) })
  return {
    async check() {
      const doing = 'checking the master key'
      const [row] = await database.build((db) => db.select().from(keyCheck), doing)
      if (row !== undefined) {
        secrets.open(row.sealed, CHECK_CONTEXT)
        return
      }
      // A database from before the check has no check row. Then the secrets of its bots are opened as the check.
      for (const bot of await database.build((db) => db.select().from(bots), doing)) openedBot(bot, secrets)
      await database.build((db) => db.insert(keyCheck).values(checkValues()).onConflictDoNothing(), doing)
    },

    use: (key) => secrets.use(key),

    async reseal() {
      const doing = 'sealing secrets with a new master key'
      const rows = await database.build((db) => db.select().from(bots), doing)
      const isOld = (record: string | null): boolean => record !== null && !secrets.isCurrent(record)
      const old = rows.filter((row) => SEALED_COLUMNS.some((field) => isOld(row[field])))
      for (const { id } of old) {
        await database.build(
          (db) =>
            db.transaction(async (tx) => {
              const [row] = await tx.select().from(bots).where(eq(bots.id, id)).for('update')
              if (row === undefined) return
              const { appSecret, encryptKey, verificationToken } = openedBot(row, secrets)
              const values = sealedValues(row, { appSecret, encryptKey, verificationToken }, secrets)
              await tx.update(bots).set(values).where(eq(bots.id, id))
            }),
          doing,
        )
        crashPoint('rotate.row')
      }
      await database.build((db) => db.update(keyCheck).set(checkValues()).where(eq(keyCheck.id, CHECK_ID)), doing)
      return old.length
    },
  }
}
