import { randomBytes } from 'node:crypto'
import { asc, eq } from 'drizzle-orm'
import { FeishuSupervisorError } from '../../core/errors.ts'
import { merged } from '../../core/merged.ts'
import { Secret } from '../../core/log/secret.ts'
import type { Database, Statement } from '../database/database.ts'
import { bots } from '../schema.ts'
import type { SealContext, SecretBox } from './secrets.ts'
import { storable } from '../database/storable.ts'
import type { Bot, StoredBotChange, BotStore } from '../store.ts'

type Row = typeof bots.$inferSelect
type Values = Partial<typeof bots.$inferInsert>

/** Columns that hold secrets, by field name. */
const SEALED = { appSecret: 'app_secret', encryptKey: 'encrypt_key', verificationToken: 'verification_token' } as const

type SealedField = keyof typeof SEALED

export const SEALED_COLUMNS = Object.keys(SEALED) as SealedField[]

const RECORD_STATES: Statement = {
  name: 'feishu_record_states',
  text: `
update feishu_bots b set ws_connection_state = s.state from unnest($1::text[], $2::text[]) as s (id, state)
where b.id = s.id and b.ws_connection_state is distinct from s.state`,
}

export function createBotStore(database: Database, secrets: SecretBox): BotStore {
  return {
    async add({ appId, owner = 'admin', limits = {}, policy = {}, ...given }) {
      const id = `bot_${randomBytes(8).toString('hex')}`
      const settings = { limits: merged({}, limits), policy: merged({}, policy) }
      const sealed = sealedValues({ id, owner }, { ...given, ...settings }, secrets)
      const values = { ...sealed, id, owner, appId: storable(appId) } as typeof bots.$inferInsert
      const [row] = await database.build(
        (db) => db.insert(bots).values(values).onConflictDoNothing({ target: bots.appId }).returning(),
        'adding a bot',
      )
      if (row === undefined) {
        throw new FeishuSupervisorError('BOT_EXISTS', `there is already a bot with app id ${appId}: change that one`)
      }
      return openedBot(row, secrets)
    },

    async list() {
      const rows = await database.build(
        (db) => db.select().from(bots).orderBy(asc(bots.createdAt), asc(bots.id)),
        'listing bots',
      )
      return rows.map((row) => openedBot(row, secrets))
    },

    async update(id, change) {
      return await database.build(
        (db) =>
          db.transaction(async (tx) => {
            const [row] = await tx.select().from(bots).where(eq(bots.id, id)).for('update')
            if (row === undefined) return null
            const owner = change.owner ?? row.owner
            // A secret is sealed for its owner. With a new owner all secrets are sealed anew.
            const kept = owner === row.owner ? {} : openedBot(row, secrets)
            const settings = { limits: merged(row.limits, change.limits), policy: merged(row.policy, change.policy) }
            const values = sealedValues({ id, owner }, { ...onlySecrets(kept), ...change, ...settings }, secrets)
            const [changed] = await tx.update(bots).set(values).where(eq(bots.id, id)).returning()
            return changed === undefined ? null : openedBot(changed, secrets)
          }),
        'changing a bot',
      )
    },

    async remove(id) {
      const rows = await database.build(
        (db) => db.delete(bots).where(eq(bots.id, id)).returning({ id: bots.id }),
        'removing a bot',
      )
      return rows.length === 1
    },

    async recordOpenId(id, openId) {
      await database.build(
        (db) =>
          db
            .update(bots)
            .set({ openId: storable(openId) })
            .where(eq(bots.id, id)),
        'recording an open id',
      )
    },

    async recordStates(states) {
      const values = [states.map(({ id }) => id), states.map(({ state }) => state)]
      await database.query(RECORD_STATES, values, 'recording connection states')
    },
  }
}

/** Makes a `Bot` from its row. Throws `MASTER_KEY_WRONG` when a secret cannot be opened. */
export function openedBot({ wsConnectionState: _state, createdAt, ...row }: Row, secrets: SecretBox): Bot {
  const opened = (field: SealedField, record: string): Secret => secrets.open(record, sealContextOf(row, field))
  const optional = (field: 'encryptKey' | 'verificationToken'): Secret | null => {
    const record = row[field]
    return record === null ? null : opened(field, record)
  }
  return {
    ...row,
    appSecret: opened('appSecret', row.appSecret),
    encryptKey: optional('encryptKey'),
    verificationToken: optional('verificationToken'),
    createdAt: createdAt.getTime(),
  }
}

/** Makes the column values of a change. Secrets are sealed for their row and owner. */
export function sealedValues(row: Pick<Row, 'id' | 'owner'>, change: StoredBotChange, secrets: SecretBox): Values {
  const values: Record<string, string | boolean | object | null> = {}
  for (const [field, value] of Object.entries(change)) {
    if (value === undefined) continue
    if (value instanceof Secret) values[field] = secrets.seal(value, sealContextOf(row, field as SealedField))
    else values[field] = typeof value === 'string' ? storable(value) : value
  }
  return values
}

function onlySecrets(bot: Partial<Bot>): StoredBotChange {
  return Object.fromEntries(SEALED_COLUMNS.flatMap((field) => (bot[field] ? [[field, bot[field]]] : [])))
}

function sealContextOf({ id, owner }: Pick<Row, 'id' | 'owner'>, field: SealedField): SealContext {
  return { table: 'feishu_bots', column: SEALED[field], rowId: id, owner }
}
