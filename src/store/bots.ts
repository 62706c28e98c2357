import { randomBytes } from 'node:crypto'
import { asc, eq } from 'drizzle-orm'
import { FeishuSupervisorError } from '../core/errors.ts'
import type { Database } from './database.ts'
import { bots } from './schema.ts'
import type { SealedPlace, SecretBox } from './secrets.ts'
import { storable } from './storable.ts'
import type { Bot, BotStore } from './store.ts'

export function createBotStore(database: Database, secrets: SecretBox): BotStore {
  const toBot = (row: typeof bots.$inferSelect): Bot => ({
    id: row.id,
    name: row.name,
    appId: row.appId,
    appSecret: secrets.open(row.appSecret, secretOf(row.id)),
    domain: row.domain,
    enabled: row.enabled,
    useWebSocket: row.useWebSocket,
    isolation: row.isolation,
  })

  return {
    async add(bot) {
      const id = `bot_${randomBytes(8).toString('hex')}`
      const [row] = await database.build(
        (db) =>
          db
            .insert(bots)
            .values({
              id,
              name: storable(bot.name),
              appId: storable(bot.appId),
              appSecret: secrets.seal(bot.appSecret, secretOf(id)),
              domain: storable(bot.domain),
              useWebSocket: bot.useWebSocket,
              isolation: bot.isolation,
            })
            .onConflictDoNothing({ target: bots.appId })
            .returning(),
        'adding a bot',
      )
      if (row === undefined) {
        throw new FeishuSupervisorError(
          'BOT_EXISTS',
          `there is already a bot with app id ${bot.appId}: change that one`,
        )
      }
      return toBot(row)
    },

    async list() {
      const rows = await database.build(
        (db) => db.select().from(bots).orderBy(asc(bots.createdAt), asc(bots.id)),
        'listing bots',
      )
      return rows.map(toBot)
    },

    async update(id, { name, appSecret }) {
      const [row] = await database.build(
        (db) =>
          db
            .update(bots)
            .set({
              ...(name === undefined ? {} : { name: storable(name) }),
              ...(appSecret === undefined ? {} : { appSecret: secrets.seal(appSecret, secretOf(id)) }),
            })
            .where(eq(bots.id, id))
            .returning(),
        'changing a bot',
      )
      return row === undefined ? null : toBot(row)
    },
  }
}

function secretOf(botId: string): SealedPlace {
  return { table: 'feishu_bots', column: 'app_secret', rowId: botId }
}
