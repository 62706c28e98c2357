import { copyEmptyDatabase } from '../support/empty-database.ts'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { Secret } from '../../src/core/log/secret.ts'
import { createKeyStore } from '../../src/store/bots/keys.ts'
import { createBotStore } from '../../src/store/bots/bots.ts'
import { loadMasterKeys, type MasterKeySource } from '../../src/store/bots/master-key.ts'
import { openPgliteDatabase } from '../../src/store/open/open-pglite.ts'
import type { Database } from '../../src/store/database/database.ts'
import { SecretBox } from '../../src/store/bots/secrets.ts'
import { rotateMasterKeys } from '../../workers/supervisor/store/rotate-master-keys.ts'
import { migrationsDir, newMasterKey, temporaryFolder, workerPath } from '../support/store.ts'

const BOTS = 50

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let opened: Awaited<ReturnType<typeof openPgliteDatabase>>
let database: Database
let round = 0
let source: MasterKeySource

beforeAll(async () => {
  folder = await temporaryFolder()
  await copyEmptyDatabase(join(folder.path, 'db'))
  opened = await openPgliteDatabase({ dataDir: join(folder.path, 'db'), workerPath, migrationsDir })
  database = opened.database
})

afterAll(async () => {
  await database.close()
  await opened.thread.close()
  await folder.remove()
})

beforeEach(async () => {
  round += 1
  source = { keyFile: join(folder.path, `${round}.key`) }
  await database.query({ name: '', text: 'truncate feishu_bots, feishu_key_check' }, [], 'testing')
  const { bots, keys } = await open(source)
  await keys.check()
  for (let index = 0; index < BOTS; index++) {
    await bots.add({
      name: `bot ${index}`,
      appId: `cli_${index}`,
      appSecret: new Secret(`canary-secret-${index}`),
      encryptKey: new Secret(`canary-key-${index}`),
      domain: 'https://open.feishu.cn',
      useWebSocket: true,
      owner: 'ann',
    })
  }
})

/** As a process does that starts. */
async function open(from: MasterKeySource) {
  const secrets = new SecretBox(...(await loadMasterKeys(from)))
  return { bots: createBotStore(database, secrets), keys: createKeyStore(database, secrets) }
}

async function expectAllThere(): Promise<void> {
  const { bots, keys } = await open(source)
  await keys.check()
  const listed = await bots.list()
  const seen = Object.fromEntries(
    listed.map((bot) => [bot.name, `${bot.appSecret.reveal()} ${bot.encryptKey?.reveal()}`]),
  )
  const wanted = Array.from({ length: BOTS }, (_none, index) => [
    `bot ${index}`,
    `canary-secret-${index} canary-key-${index}`,
  ])
  expect(seen).toEqual(Object.fromEntries(wanted))
  const dump = await database.query({ name: '', text: 'select * from feishu_bots' }, [], 'testing')
  expect(JSON.stringify(dump)).not.toContain('canary')
}

async function keysInFile(): Promise<string[]> {
  return (await readFile(source.keyFile, 'utf8')).trim().split('\n')
}

it('A2: seals everything with a new key, and the old one opens nothing any more', async () => {
  const before = await keysInFile()
  const { keys } = await open(source)
  expect(await rotateMasterKeys(keys, source)).toBe(BOTS)
  const after = await keysInFile()
  expect(after).toHaveLength(1)
  expect(after).not.toEqual(before)
  await expectAllThere()
  const old = await open({ value: before[0] ?? '', keyFile: '' })
  await expect(old.keys.check()).rejects.toMatchObject({ code: 'MASTER_KEY_WRONG' })
  await expect(old.bots.list()).rejects.toMatchObject({ code: 'MASTER_KEY_WRONG' })
})

it.each([0, 1, 2, 20, BOTS, BOTS + 1])('goes on where a process died after %d statements', async (statements) => {
  const secrets = new SecretBox(...(await loadMasterKeys(source)))
  await expect(rotateMasterKeys(createKeyStore(dyingAfter(statements), secrets), source)).rejects.toThrow('killed')
  expect(await keysInFile()).toHaveLength(2)
  await expectAllThere()
  const { keys } = await open(source)
  // The first statement lists, each of the others seals one row.
  expect(await rotateMasterKeys(keys, source)).toBe(BOTS - Math.max(0, statements - 1))
  expect(await keysInFile()).toHaveLength(1)
  await expectAllThere()
})

it('with a key of the configuration asks for the new one beside the old one', async () => {
  const [old] = await loadMasterKeys(source)
  const oldText = old?.reveal() ?? ''
  const single = { value: oldText, keyFile: '' }
  await expect(rotateMasterKeys((await open(single)).keys, single)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('FS_MASTER_KEY'),
  })
  const fresh = newMasterKey().reveal()
  const both = { value: `${fresh}, ${oldText}`, keyFile: '' }
  expect(await rotateMasterKeys((await open(both)).keys, both)).toBe(BOTS)
  source = { value: fresh, keyFile: '' }
  await expectAllThere()
})

it('refuses a wrong key also where there is no bot', async () => {
  await database.query({ name: '', text: 'truncate feishu_bots' }, [], 'testing')
  const wrong = await open({ value: newMasterKey().reveal(), keyFile: '' })
  await expect(wrong.keys.check()).rejects.toMatchObject({ code: 'MASTER_KEY_WRONG' })
})

/** The database as a process sees it that dies after so many statements. */
function dyingAfter(statements: number): Database {
  let left = statements
  const build: Database['build'] = (work, doing) => {
    left -= 1
    return left < 0 ? Promise.reject(new Error('killed')) : database.build(work, doing)
  }
  return { build } as Database
}
