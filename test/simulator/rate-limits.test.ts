import { describe, expect, it } from 'vitest'
import { entryOf } from '../../src/simulator/history/history.ts'
import { CallLimit } from '../../src/simulator/shared/rate-limits.ts'
import type { SimulatorOptions } from '../../src/simulator/simulator.ts'
import { post, startSimulator, type TestApp } from '../support/simulator.ts'

describe('RateLimit', () => {
  it('takes so many calls in any second and says how long to wait', () => {
    const clock = { at: 0, now: () => clock.at }
    const limit = new CallLimit(2, clock)
    expect([limit.take('a'), limit.take('a'), limit.take('a'), limit.take('b')]).toEqual([0, 0, 1_000, 0])
    clock.at = 999
    expect(limit.take('a')).toBe(1)
    clock.at = 1_000
    expect(limit.take('a')).toBe(0)
  })

  it('takes any number with 0', () => {
    const limit = new CallLimit(0, { now: () => 0 })
    expect(Array.from({ length: 1_000 }, () => limit.take('a')).every((waitMs) => waitMs === 0)).toBe(true)
  })
})

/** Two apps in one chat, and how each writes into it. */
async function started(options: SimulatorOptions = {}) {
  const { simulator, url, app } = await startSimulator(options)
  const other: TestApp = { ...app, appId: 'cli_00000000000000ee' }
  simulator.addApp(other)
  const tokens = new Map<string, string>()
  for (const { appId, appSecret } of [app, other]) {
    const path = '/open-apis/auth/v3/tenant_access_token/internal'
    const { body } = await post(url + path, { app_id: appId, app_secret: appSecret })
    tokens.set(appId, String(body['tenant_access_token']))
  }
  const write = ({ appId }: TestApp, chatId: string) => {
    const authorization = `Bearer ${tokens.get(appId)}`
    const body = { receive_id: chatId, msg_type: 'text', content: '{"text":"x"}' }
    return post(`${url}/open-apis/im/v1/messages?receive_id_type=chat_id`, body, { authorization })
  }
  const join = (chatId: string) => {
    for (const { appId } of [app, other]) simulator.sendText({ appId, chatId, text: 'hi', chatType: 'group' })
  }
  const codes = () => simulator.history.entries.filter(entryOf('reply_received')).map(({ code }) => code)
  return { simulator, app, other, write, join, codes }
}

describe('the platform', () => {
  it('refuses more messages into one chat than allowed, counting all apps', async () => {
    const { app, other, write, join, codes, simulator } = await started()
    join('oc_1')
    join('oc_2')
    for (const one of [app, other, app, other, app]) expect(await write(one, 'oc_1')).toMatchObject({ status: 200 })
    expect(await write(other, 'oc_1')).toMatchObject({ status: 400, body: { code: 230020 } })
    expect(await write(other, 'oc_2')).toMatchObject({ status: 200 })
    expect(codes()).toEqual([0, 0, 0, 0, 0, 230020, 0])
    expect(simulator.history.entries.filter(entryOf('message_created'))).toHaveLength(6)
  })

  it('refuses more calls of one app than allowed, and says when to come again', async () => {
    const { app, other, write, join, codes } = await started({ limits: { perApp: 3 } })
    join('oc_1')
    for (let n = 0; n < 3; n++) expect(await write(app, 'oc_1')).toMatchObject({ status: 200 })
    const refused = await write(app, 'oc_1')
    expect(refused).toMatchObject({ status: 429, body: { code: 99991400 } })
    expect(refused.headers.get('x-ogw-ratelimit-limit')).toBe('3')
    const reset = Number(refused.headers.get('x-ogw-ratelimit-reset'))
    expect(reset).toBeGreaterThan(0)
    expect(reset).toBeLessThanOrEqual(1)
    expect(await write(other, 'oc_1')).toMatchObject({ status: 200 })
    expect(codes()).toEqual([0, 0, 0, 99991400, 0])
  })

  it('has no limits where they are taken away', async () => {
    const { app, write, join } = await started({ limits: { perChat: 0, perApp: 0 } })
    join('oc_1')
    const answers = await Promise.all(Array.from({ length: 100 }, () => write(app, 'oc_1')))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
  })
})
