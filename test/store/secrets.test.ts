import { randomBytes } from 'node:crypto'
import { chmod, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Secret } from '../../src/core/log/secret.ts'
import { loadMasterKeys } from '../../src/store/bots/master-key.ts'
import { SecretBox } from '../../src/store/bots/secrets.ts'
import { newMasterKey, temporaryFolder } from '../support/store.ts'

const PLACE = { table: 'feishu_bots', column: 'app_secret', rowId: 'bot_1', owner: 'ann' }

describe('sealed secrets', () => {
  it('open with the same key in the same place', () => {
    const key = newMasterKey()
    const record = new SecretBox(key).seal(new Secret('secret 中'), PLACE)
    expect(record).toMatch(/^v2(\.[\w-]+){3}$/)
    expect(new SecretBox(key).open(record, PLACE).reveal()).toBe('secret 中')
  })

  it('never look the same twice', () => {
    const box = new SecretBox(newMasterKey())
    expect(box.seal(new Secret('x'), PLACE)).not.toBe(box.seal(new Secret('x'), PLACE))
  })

  it('do not open anywhere else, changed, or with another key', () => {
    const box = new SecretBox(newMasterKey())
    const record = box.seal(new Secret('x'), PLACE)
    const wrong = expect.objectContaining({ code: 'MASTER_KEY_WRONG' }) as Error
    for (const place of [
      { ...PLACE, rowId: 'bot_2' },
      { ...PLACE, column: 'other' },
      { ...PLACE, table: 'other' },
      { ...PLACE, owner: 'bob' },
    ]) {
      expect(() => box.open(record, place)).toThrow(wrong)
    }
    const parts = record.split('.')
    for (const part of [2, 3]) {
      const changed = parts.with(part, Buffer.from(randomBytes(16)).toString('base64url')).join('.')
      expect(() => box.open(changed, PLACE)).toThrow(wrong)
    }
    for (const garbage of ['', 'v2', 'v1.a.b.c.d', parts.slice(0, 3).join('.'), `${record}.x`]) {
      expect(() => box.open(garbage, PLACE)).toThrow(wrong)
    }
    expect(() => new SecretBox(newMasterKey()).open(record, PLACE)).toThrow(/sealed with another master key/)
  })

  it('and their box show nothing when printed', () => {
    const key = newMasterKey()
    const printed = inspect(new SecretBox(key), { depth: 9, showHidden: true })
    expect(printed).not.toContain(key.reveal())
  })
})

describe('the master key', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let keyFile: string
  beforeEach(async () => {
    folder = await temporaryFolder()
    keyFile = join(folder.path, 'data', 'master.key')
  })
  afterEach(() => folder.remove())

  it('is taken from its value, in base64 or base64url', async () => {
    const bytes = Buffer.alloc(32, 0xfb)
    for (const encoding of ['base64', 'base64url'] as const) {
      const [key] = await loadMasterKeys({ value: bytes.toString(encoding), keyFile })
      expect(key?.reveal()).toBe(bytes.toString('base64'))
    }
    await expect(stat(keyFile)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it.each(['', 'short', randomBytes(31).toString('base64'), randomBytes(33).toString('base64'), `${'A'.repeat(42)}!=`])(
    'is refused when it is not 32 bytes: %j',
    async (value) => {
      const refusal: Error = await loadMasterKeys({ value, keyFile }).then(
        () => new Error('accepted'),
        (thrown: Error) => thrown,
      )
      expect(refusal).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching('FS_MASTER_KEY') })
      expect(refusal.message).not.toContain(value || 'nothing to hide')
    },
  )

  it('is made once, for its owner only, by however many start at once', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadMasterKeys({ keyFile })))
    expect(new Set(keys.flat().map((key) => key.reveal())).size).toBe(1)
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600)
    expect((await stat(join(folder.path, 'data'))).mode & 0o777).toBe(0o700)
    expect(await readdir(join(folder.path, 'data'))).toEqual(['master.key'])
    expect((await loadMasterKeys({ keyFile }))[0]?.reveal()).toBe((await readFile(keyFile, 'utf8')).trim())
  })

  it('is refused when others can read its file', async () => {
    await loadMasterKeys({ keyFile })
    await chmod(keyFile, 0o640)
    await expect(loadMasterKeys({ keyFile })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/mode 640.*chmod 600/),
    })
  })

  it('is refused when its file is damaged', async () => {
    await loadMasterKeys({ keyFile })
    await writeFile(keyFile, 'half a ke')
    await expect(loadMasterKeys({ keyFile })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it('names the file when it cannot be made', async () => {
    await writeFile(join(folder.path, 'data'), 'a file')
    await expect(loadMasterKeys({ keyFile })).rejects.toMatchObject({
      code: 'DATA_DIR_UNUSABLE',
      message: expect.stringContaining(keyFile),
    })
  })
})
