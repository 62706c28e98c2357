import { describe, expect, it } from 'vitest'
import { sourceEndpoint } from '../../src/app/source-endpoint.ts'
import { FakeClock } from '../support/fake-clock.ts'
import type { BotSource, SourceBot } from '../../src/protocol/model/bot-source.ts'

const ROW = { id: 7, appId: 'cli_00000000000000a1', appSecret: 'fake-secret-a' }

function endpointOf(bots: readonly unknown[], more: Partial<BotSource> = {}) {
  const source: BotSource = {
    list: () => bots as SourceBot[],
    get: async (id) => (bots as SourceBot[]).find((bot) => String(bot.id) === id) ?? null,
    watch: () => () => {},
    ...more,
  }
  return sourceEndpoint(source, new FakeClock())
}

describe("the host's own bots", () => {
  it('get their defaults; null and unknown fields do no harm', async () => {
    const endpoint = endpointOf([{ ...ROW, name: null, owner: null, createdAt: new Date(5), tenant: { id: 1 } }])
    const row = {
      ...ROW,
      id: '7',
      name: ROW.appId,
      domain: 'https://open.feishu.cn',
      owner: 'admin',
      enabled: true,
      useWebSocket: false,
      isolation: 'thread',
      handler: 'default',
      createdAt: 5,
    }
    expect(await endpoint.list()).toEqual({ ok: true, value: { rows: [row], unusable: [] } })
    expect(await endpoint.get('7')).toEqual({ ok: true, value: row })
    expect(await endpoint.get('8')).toEqual({ ok: true, value: null })
  })

  it('that cannot be used are named with their field, and hide no other', async () => {
    const endpoint = endpointOf([{ ...ROW, id: 'x', appId: 'wrong' }, ROW, null])
    expect(await endpoint.list()).toMatchObject({
      ok: true,
      value: {
        rows: [{ id: '7' }],
        unusable: [
          { botId: 'x', why: expect.stringMatching(/^appId: expected cli_/) },
          { botId: 'undefined', why: expect.anything() },
        ],
      },
    })
    expect(await endpoint.get('x')).toMatchObject({ ok: false, error: { code: 'CONFIG_INVALID' } })
  })

  it('whose source throws are an answer too', async () => {
    const thrower = (): never => {
      throw new TypeError('no such table')
    }
    const endpoint = endpointOf([], { list: thrower, get: thrower, record: thrower })
    const failed = {
      ok: false,
      error: { code: 'BOT_SOURCE_FAILED', message: expect.stringContaining('no such table') },
    }
    expect(await endpoint.list()).toMatchObject(failed)
    expect(await endpoint.get('7')).toMatchObject(failed)
    expect(await endpoint.record('7', { useWebSocket: true })).toMatchObject(failed)
  })

  it('are those of before while their source cannot be read', async () => {
    const clock = new FakeClock()
    let bots: readonly SourceBot[] | Promise<never> = [ROW]
    const endpoint = sourceEndpoint({ list: () => bots, get: () => null, watch: () => () => {} }, clock)
    const before = await endpoint.list()
    bots = new Promise(() => {})
    const late = endpoint.list()
    await clock.advance(8_000)
    const failure = { code: 'BOT_SOURCE_FAILED', message: 'botSource.list: no answer within 8000 ms', retryable: true }
    expect(await late).toEqual({ ok: true, value: { ...Object(before).value, failure } })
    expect(clock.timerCount).toBe(0)
  })

  it('are changed by the host alone, unless it offers a writer', async () => {
    const refused = { ok: false, error: { code: 'BOTS_OWNED_BY_HOST' } }
    const bare = endpointOf([ROW])
    expect(await bare.update('7', { name: 'New' })).toMatchObject(refused)
    expect(await bare.remove('7')).toMatchObject(refused)
    expect(await bare.record('7', { useWebSocket: true })).toMatchObject(refused)
    expect(await bare.record('7', { wsConnectionState: 'connected' })).toEqual({ ok: true, value: undefined })

    const written: unknown[] = []
    const writer = {
      add: () => 8,
      update: (...args: unknown[]) => void written.push(args),
      remove: (id: string) => void written.push(id),
    }
    const offered = endpointOf([ROW], { writer, record: (...args: unknown[]) => void written.push(args) })
    expect(await offered.add({ ...ROW, name: 'New', domain: 'd', useWebSocket: true })).toEqual({
      ok: true,
      value: '8',
    })
    await offered.update('7', { name: 'New' })
    await offered.remove('7')
    await offered.record('7', { useWebSocket: false })
    expect(written).toEqual([['7', { name: 'New' }], '7', ['7', { useWebSocket: false }]])
  })
})
