import { z } from 'zod'
import type { Clock } from '../core/time/clock.ts'
import { deferred } from '../core/time/deferred.ts'
import { errorText, FeishuSupervisorError } from '../core/errors.ts'
import { validated } from '../core/validation.ts'
import { botFields } from '../http/schema/bot-schema.ts'
import type { BotSource, SourceBot, SourceControl, SourceReading, SourceRow } from '../protocol/model/bot-source.ts'
import { DEFAULT_HANDLER } from '../protocol/chat.ts'
import { result } from '../protocol/model/result.ts'

const schema = z.object({
  ...botFields,
  id: z.union([z.string().min(1).max(128), z.number()]).transform(String),
  isolation: botFields.isolation.default('thread'),
  owner: botFields.owner.default('admin'),
  handler: botFields.handler.default(DEFAULT_HANDLER),
  enabled: z.boolean().default(true),
  createdAt: z
    .union([z.number(), z.date()])
    .transform((instant) => new Date(instant).getTime())
    .optional(),
})

/** Longest reading of the source, milliseconds. It is below the time that the supervisor thread waits. */
const LIST_TIMEOUT_MS = 8_000

/** Serves the bot source to the supervisor thread. Rows are checked, and failures are returned as values. */
export function sourceEndpoint(source: BotSource, clock: Clock): SourceControl {
  const firstSeenAt = new Map<string, number>()
  let lastReading: SourceReading | undefined

  const toRow = (bot: SourceBot): SourceRow => {
    const given = Object.fromEntries(Object.entries(Object(bot)).filter(([, value]) => value !== null))
    const { name, createdAt, ...row } = validated(schema.safeParse(given))
    const seenAt = firstSeenAt.get(row.id) ?? clock.now()
    firstSeenAt.set(row.id, seenAt)
    return { ...row, name: name ?? row.appId, createdAt: createdAt ?? seenAt }
  }
  const ask = <T>(what: string, run: () => T | Promise<T>) =>
    result(async () => {
      try {
        return await run()
      } catch (thrown) {
        if (thrown instanceof FeishuSupervisorError) throw thrown
        throw new FeishuSupervisorError('BOT_SOURCE_FAILED', `botSource.${what}: ${errorText(thrown)}`)
      }
    })
  const writer = () => {
    if (source.writer !== undefined) return source.writer
    throw new FeishuSupervisorError(
      'BOTS_OWNED_BY_HOST',
      'the bots here belong to the application this runs in: add, change and remove them there',
    )
  }

  const readAll = async (): Promise<SourceReading> => {
    const rows: SourceRow[] = []
    const unusable: { botId: string; why: string }[] = []
    for (const bot of await source.list()) {
      try {
        rows.push(toRow(bot))
      } catch (thrown) {
        unusable.push({ botId: String(Object(bot).id), why: errorText(thrown) })
      }
    }
    return { rows, unusable }
  }

  return {
    async list() {
      const reading = await ask('list', () => within(LIST_TIMEOUT_MS, readAll(), clock))
      if (reading.ok) lastReading = reading.value
      else if (lastReading !== undefined) return { ok: true, value: { ...lastReading, failure: reading.error } }
      return reading
    },
    get: (botId) =>
      ask('get', async () => {
        const bot = (await source.get(botId)) ?? null
        return bot === null ? null : toRow(bot)
      }),
    record: (botId, record) =>
      ask('record', async () => {
        const { useWebSocket } = record
        if (source.record !== undefined) await source.record(botId, record)
        else if (useWebSocket !== undefined) await writer().update(botId, { useWebSocket })
        return undefined
      }),
    add: (bot) => ask('writer.add', async () => String(await writer().add(bot))),
    update: (botId, change) =>
      ask('writer.update', async () => {
        await writer().update(botId, change)
        return undefined
      }),
    remove: (botId) =>
      ask('writer.remove', async () => {
        await writer().remove(botId)
        return undefined
      }),
  }
}

async function within<T>(timeoutMs: number, work: Promise<T>, clock: Clock): Promise<T> {
  const late = deferred<never>()
  const cancel = clock.after(timeoutMs, () => late.reject(new Error(`no answer within ${timeoutMs} ms`)))
  return await Promise.race([work, late.promise]).finally(cancel)
}
