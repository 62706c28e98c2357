import { expect, it } from 'vitest'
import { FeishuSupervisorError } from '../../../src/core/errors.ts'
import type { Finding } from '../../../src/protocol/model/finding.ts'
import type { Store } from '../../../src/store/store.ts'
import { type DiagnoseDeps, diagnose } from '../../../workers/supervisor/health/diagnose.ts'
import { storedBot } from '../../support/bots.ts'

const bot = storedBot('bot_1', { name: 'Ada', appId: 'cli_00000000000000a1' })

const GOOD: Finding = { check: 'credentials', level: 'ok', message: 'good' }

function postgres(settings: Partial<Awaited<ReturnType<Store['settings']>>> = {}): Store {
  const all = { version: '15.1', fsync: true, synchronousCommit: true, ...settings }
  return { kind: 'postgres', settings: () => Promise.resolve(all) } as unknown as Store
}

async function found(deps: Partial<DiagnoseDeps>, botIds: readonly string[] | null = null): Promise<Finding[]> {
  return await diagnose(
    {
      store: postgres(),
      error: undefined,
      bots: () => Promise.resolve([bot]),
      check: () => Promise.resolve([GOOD]),
      ...deps,
    },
    botIds,
  )
}

it('looks at database, master key and bots', async () => {
  expect(await found({})).toEqual([
    { check: 'database', level: 'ok', message: expect.stringContaining('PostgreSQL 15.1') },
    { check: 'master_key', level: 'ok', message: expect.stringContaining('1 bots') },
    { ...GOOD, botId: 'bot_1', name: 'Ada' },
  ])
})

it('looks for a user at his own bots only', async () => {
  const foreign = { ...bot, id: 'bot_2' }
  const bots = () => Promise.resolve([bot, foreign])
  expect(await found({ bots }, ['bot_1'])).toEqual([{ ...GOOD, botId: 'bot_1', name: 'Ada' }])
})

it.each<[string, Partial<DiagnoseDeps>, Partial<Finding>]>([
  [
    'fsync and synchronous_commit are off',
    { store: postgres({ fsync: false, synchronousCommit: false }) },
    { check: 'database', level: 'warning', mend: 'switch fsync and synchronous_commit on' },
  ],
  [
    'the bot is disabled',
    { bots: () => Promise.resolve([{ ...bot, enabled: false }]) },
    { check: 'worker', level: 'warning', botId: 'bot_1', mend: expect.stringContaining('enable') },
  ],
  [
    'webhook mode has no keys',
    { bots: () => Promise.resolve([{ ...bot, useWebSocket: false }]) },
    { check: 'subscription', level: 'error', botId: 'bot_1', mend: expect.stringContaining('encryptKey') },
  ],
  [
    'the secrets do not open',
    { bots: () => Promise.reject(new FeishuSupervisorError('MASTER_KEY_WRONG', 'another key')) },
    { check: 'master_key', level: 'error', message: 'another key' },
  ],
])('says that %s', async (_what, deps, expected) => {
  const faults = (await found(deps)).filter(({ level }) => level !== 'ok')
  expect(faults).toEqual([expect.objectContaining(expected)])
})

it('still asks the bots while the database is away', async () => {
  const error = { code: 'STORE_UNAVAILABLE', message: 'no answer', retryable: true } as const
  expect(await found({ error })).toEqual([
    expect.objectContaining({ check: 'database', level: 'error', message: 'no answer' }),
    { ...GOOD, botId: 'bot_1', name: 'Ada' },
  ])
})

it('asks a few bots at a time, and tells of them in order', async () => {
  let asked = 0
  let most = 0
  const bots = Array.from({ length: 23 }, (_, index) => ({ ...bot, id: `bot_${index}` }))
  const check = async (): Promise<Finding[]> => {
    asked += 1
    most = Math.max(most, asked)
    await new Promise(setImmediate)
    asked -= 1
    return [GOOD]
  }
  const findings = await found(
    { bots: () => Promise.resolve(bots), check },
    bots.map(({ id }) => id),
  )
  expect(findings.map(({ botId }) => botId)).toEqual(bots.map(({ id }) => id))
  expect(most).toBe(5)
})
