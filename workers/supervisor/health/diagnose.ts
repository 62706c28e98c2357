import { type ErrorRecord, toErrorRecord } from '../../../src/core/errors.ts'
import type { Finding } from '../../../src/protocol/model/finding.ts'
import type { Bot, Store } from '../../../src/store/store.ts'
import { hasWebhookKeys } from '../bots/bot-record.ts'

export interface DiagnoseDeps {
  readonly store: Store | undefined
  /** Error that makes the database unusable, if any. */
  readonly error: ErrorRecord | undefined
  bots(): Promise<readonly Bot[]>
  /** Lets the bot's worker check its app. */
  check(bot: Bot): Promise<readonly Finding[]>
}

/** Most bots that are checked at the same time. */
const MOST_AT_ONCE = 5

/** Findings about these bots; with null about the instance and all bots. Never rejects. */
export async function diagnose(deps: DiagnoseDeps, botIds: readonly string[] | null): Promise<Finding[]> {
  const findings: Finding[] = botIds === null ? await checkStore(deps) : []
  let bots: readonly Bot[]
  try {
    bots = (await deps.bots()).filter(({ id }) => botIds?.includes(id) ?? true)
    if (botIds === null && deps.error === undefined) {
      findings.push({ check: 'master_key', level: 'ok', message: `opens the secrets of ${bots.length} bots` })
    }
  } catch (thrown) {
    const { code, message } = toErrorRecord(thrown)
    if (findings.some(({ level }) => level === 'error')) return findings
    const check = code === 'MASTER_KEY_WRONG' ? 'master_key' : 'database'
    return [...findings, { check, level: 'error', message }]
  }
  const answers: Finding[][] = []
  const waiting = bots.entries()
  const takeTurns = async (): Promise<void> => {
    for (const [index, bot] of waiting) {
      answers[index] = (await checkBot(deps, bot)).map((finding) => ({ ...finding, botId: bot.id, name: bot.name }))
    }
  }
  await Promise.all(Array.from({ length: MOST_AT_ONCE }, takeTurns))
  return [...findings, ...answers.flat()]
}

async function checkBot({ check }: DiagnoseDeps, bot: Bot): Promise<readonly Finding[]> {
  if (!bot.enabled) {
    return [{ check: 'worker', level: 'warning', message: 'the bot is disabled', mend: 'enable the bot, or remove it' }]
  }
  const findings = await check(bot)
  if (bot.useWebSocket || hasWebhookKeys(bot)) return findings
  const mend = 'set encryptKey and verificationToken (PATCH /api/feishu/bots/:id), or switch it to a long connection'
  const message = 'webhook mode without its two keys takes no events'
  return [...findings, { check: 'subscription', level: 'error', message, mend }]
}

async function checkStore({ store, error }: DiagnoseDeps): Promise<Finding[]> {
  if (store === undefined || error !== undefined) {
    const message = error?.message ?? 'the database cannot be reached now'
    return [{ check: 'database', level: 'error', message, mend: 'start the database, or check FS_DATABASE_URL' }]
  }
  if (store.kind === 'pglite') {
    return [
      { check: 'database', level: 'ok', message: 'the embedded database answers; it does not survive a power loss' },
    ]
  }
  try {
    const { version, fsync, synchronousCommit } = await store.settings()
    const what = `PostgreSQL ${version} answers and its tables are up to date`
    const off = [...(fsync ? [] : ['fsync']), ...(synchronousCommit ? [] : ['synchronous_commit'])]
    if (off.length === 0) return [{ check: 'database', level: 'ok', message: what }]
    const message = `${what}, but ${off.join(' and ')} ${off.length > 1 ? 'are' : 'is'} off: a crash of the server can lose acknowledged events`
    return [{ check: 'database', level: 'warning', message, mend: `switch ${off.join(' and ')} on` }]
  } catch (thrown) {
    return [{ check: 'database', level: 'error', message: toErrorRecord(thrown).message }]
  }
}
