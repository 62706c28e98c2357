import { beforeEach, describe, expect, it } from 'vitest'
import { Secret } from '../../src/core/log/secret.ts'
import { createBotStore } from '../../src/store/bots/bots.ts'
import { SecretBox } from '../../src/store/bots/secrets.ts'
import { newMasterKey, type StoreDriver } from '../support/store.ts'

/** The bots of the database and their secrets. */
export function describeBots(current: () => StoreDriver): void {
  describe('bots', () => {
    let db: StoreDriver
    beforeEach(() => {
      db = current()
    })

    const bot = {
      name: 'Echo',
      appId: 'cli_1',
      appSecret: new Secret('hush-canary'),
      domain: 'https://open.feishu.cn',
      useWebSocket: true,
      isolation: 'process',
      handler: 'sales',
    } as const

    it('adds and lists bots in order of creation, secrets sealed', async () => {
      const first = await db.store.bots.add(bot)
      const second = await db.store.bots.add({ ...bot, appId: 'cli_0', name: 'nul \u0000', useWebSocket: false })
      expect(first.id).toMatch(/^bot_[0-9a-f]{16}$/)
      const listed = await db.store.bots.list()
      expect(listed).toEqual([first, second])
      expect(listed[0]).toMatchObject({
        name: 'Echo',
        appId: 'cli_1',
        enabled: true,
        useWebSocket: true,
        isolation: 'process',
        handler: 'sales',
      })
      expect(listed[0]?.appSecret.reveal()).toBe('hush-canary')
      expect(JSON.stringify(await db.rows('select * from feishu_bots'))).not.toContain('hush')
    })

    it('changes limits and policy field by field, and takes one back with null', async () => {
      const given = {
        limits: { inboundBurst: 5, maxAgeMs: null },
        policy: { users: ['ou_1'], groups: 'all' },
      } as const
      const { id, limits } = await db.store.bots.add({ ...bot, ...given })
      expect(limits).toEqual({ inboundBurst: 5 })
      await db.store.bots.update(id, { limits: { maxAgeMs: 0 }, policy: { groups: null } })
      await db.store.bots.recordOpenId(id, 'ou_me')
      expect(await db.store.bots.list()).toMatchObject([
        { limits: { inboundBurst: 5, maxAgeMs: 0 }, policy: { users: ['ou_1'] }, openId: 'ou_me' },
      ])
      expect((await db.store.bots.list())[0]?.policy).not.toHaveProperty('groups')
    })

    it('changes what is given, and takes keys away with null', async () => {
      const keys = { encryptKey: new Secret('key-canary'), verificationToken: new Secret('token-canary') }
      const { id } = await db.store.bots.add({ ...bot, ...keys, owner: 'ann' })
      const changed = await db.store.bots.update(id, {
        useWebSocket: false,
        handler: 'default',
        appSecret: new Secret('new-canary'),
      })
      expect(changed).toMatchObject({
        name: 'Echo',
        owner: 'ann',
        useWebSocket: false,
        enabled: true,
        handler: 'default',
      })
      const [listed] = await db.store.bots.list()
      expect(listed).toEqual(changed)
      expect(listed?.appSecret.reveal()).toBe('new-canary')
      expect(listed?.encryptKey?.reveal()).toBe('key-canary')
      expect(JSON.stringify(await db.rows('select * from feishu_bots'))).not.toContain('canary')
      expect(await db.store.bots.update(id, { encryptKey: null, enabled: false })).toMatchObject({
        encryptKey: null,
        enabled: false,
      })
      expect(await db.store.bots.update('bot_none', { name: 'x' })).toBeNull()
    })

    it('removes one, and its events stay', async () => {
      const { id } = await db.store.bots.add(bot)
      await db.accept({ botId: id })
      expect(await db.store.bots.remove(id)).toBe(true)
      expect(await db.store.bots.remove(id)).toBe(false)
      expect(await db.store.bots.list()).toEqual([])
      expect(await db.store.log.list({ botIds: [id], limit: 10, offset: 0 })).toMatchObject({ total: 1 })
    })

    it('keeps the last known state of connections in the table', async () => {
      const { id } = await db.store.bots.add(bot)
      const states = () => db.rows('select ws_connection_state from feishu_bots')
      await db.store.bots.recordStates([
        { id, state: 'connected' },
        { id: 'bot_gone', state: 'error' },
      ])
      expect(await states()).toEqual([{ ws_connection_state: 'connected' }])
    })

    it('refuses a second bot of one app', async () => {
      await db.store.bots.add(bot)
      await expect(db.store.bots.add(bot)).rejects.toMatchObject({ code: 'BOT_EXISTS' })
    })

    it('changes what is given and nothing else, of that bot alone', async () => {
      const first = await db.store.bots.add(bot)
      const other = await db.store.bots.add({ ...bot, appId: 'cli_2' })
      const changed = await db.store.bots.update(first.id, { appSecret: new Secret('fresh') })
      expect(changed?.appSecret.reveal()).toBe('fresh')
      expect(await db.store.bots.update(first.id, { name: 'New' })).toEqual({ ...changed, name: 'New' })
      const listed = await db.store.bots.list()
      // Both may have been added within one tick of the database's clock.
      // In any order: both may have been added within one tick of the database's clock.
      expect(Object.fromEntries(listed.map(({ id, appSecret }) => [id, appSecret.reveal()]))).toEqual({
        [first.id]: 'fresh',
        [other.id]: other.appSecret.reveal(),
      })
      expect(JSON.stringify(await db.rows('select * from feishu_bots'))).not.toContain('fresh')
      expect(await db.store.bots.update('bot_none', { name: 'x' })).toBeNull()
    })

    it('refuses to list with another master key', async () => {
      await db.store.bots.add(bot)
      const other = createBotStore(db.database, new SecretBox(newMasterKey()))
      await expect(other.list()).rejects.toMatchObject({
        code: 'MASTER_KEY_WRONG',
        message: expect.stringMatching('FS_MASTER_KEY'),
      })
    })

    it('refuses a secret that was copied to another bot', async () => {
      const first = await db.store.bots.add(bot)
      const second = await db.store.bots.add({ ...bot, appId: 'cli_2' })
      await db.rows(
        'update feishu_bots set app_secret = (select app_secret from feishu_bots where id = $1) where id = $2',
        [first.id, second.id],
      )
      await expect(db.store.bots.list()).rejects.toMatchObject({ code: 'MASTER_KEY_WRONG' })
    })
  })
}
