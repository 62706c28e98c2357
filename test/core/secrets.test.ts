import { format, inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createLogger, type LogRecord } from '../../src/core/log/logger.ts'
import { redact, redactText } from '../../src/core/log/redact.ts'
import { Secret } from '../../src/core/log/secret.ts'

const CANARY = 'canary-5f3a'

describe('Secret', () => {
  const secret = new Secret(CANARY)

  it('gives its value to who asks for it', () => {
    expect(secret.reveal()).toBe(CANARY)
  })

  it.each<[string, () => string]>([
    ['String', () => String(secret)],
    ['a template', () => `a ${secret as unknown as string}`],
    ['concatenation', () => 'x' + secret],
    ['JSON', () => JSON.stringify({ secret })],
    ['inspect', () => inspect({ secret }, { showHidden: true, depth: 9 })],
    ['format', () => format('%s %o %O %j', secret, secret, secret, secret)],
    ['its keys', () => JSON.stringify(Object.entries(Object.assign({}, secret)))],
    ['a clone', () => inspect(structuredClone(secret), { showHidden: true })],
    ['an error message', () => new Error(`bad ${secret as unknown as string}`).message],
  ])('hides it from %s', (_name, print) => {
    expect(print()).not.toContain(CANARY)
  })
})

describe('redactText', () => {
  it.each([
    ['JSON', `{"app_secret":"${CANARY}","app_id":"cli_1"}`],
    ["Feishu's spelling", `{"AppID":"cli_1","AppSecret":"${CANARY}"}`],
    ['JSON inside JSON', JSON.stringify({ body: JSON.stringify({ app_secret: CANARY }) })],
    ['a URL with a ticket', `wss://host/ws?fpid=1&ticket=${CANARY}&access_key=${CANARY}`],
    ['a header', `Authorization: Bearer ${CANARY}`],
    ['a token answer', `tenant_access_token: '${CANARY}'`],
    ['an environment line', `FS_MASTER_KEY=${CANARY}`],
    ['an encrypt key', `{"encrypt_key": "${CANARY}", "encryptKey":"${CANARY}"}`],
    ['an assignment', `password = ${CANARY}, next`],
    ['a database URL', `cannot reach postgres://bot:${CANARY}@db:5432/feishu`],
  ])('hides %s', (_name, text) => {
    expect(redactText(text)).not.toContain(CANARY)
    expect(redactText(text)).toContain('***')
  })

  it.each([
    'ECONNREFUSED 127.0.0.1:3400',
    'chat oc_1: hello',
    'https://open.feishu.cn:443/open-apis/im/v1/messages?uuid=7',
  ])('leaves %s alone', (text) => {
    expect(redactText(text)).toBe(text)
  })
})

describe('a long text from the network', () => {
  it.each(['a', 'token', '://a:', 'bearer '])('of %j takes no time', (part) => {
    const startedAt = performance.now()
    redactText(part.repeat(120_000))
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })
})

describe('redact', () => {
  it('hides fields at every level and keeps the rest', () => {
    expect(
      redact({ app_id: 'cli_1', list: [{ appSecret: CANARY, n: 1 }], note: `token=${CANARY}`, none: null }),
    ).toEqual({
      app_id: 'cli_1',
      list: [{ appSecret: '***', n: 1 }],
      note: 'token=***',
      none: null,
    })
  })

  it('takes errors by their message, and survives cycles and own __proto__ keys', () => {
    const cycle: Record<string, unknown> = { error: new Error(`ticket=${CANARY}`) }
    cycle['self'] = cycle
    expect(JSON.stringify(redact(cycle))).not.toContain(CANARY)
    const hostile = redact(JSON.parse('{"__proto__":{"polluted":1}}')) as { polluted?: unknown }
    expect(hostile.polluted).toBeUndefined()
  })
})

describe('createLogger', () => {
  it('hides credentials in messages and fields, and names the part', () => {
    const records: LogRecord[] = []
    createLogger('bot', (record) => records.push(record))
      .child('b1')
      .warn(`app_secret=${CANARY}`, { url: `?ticket=${CANARY}` })
    expect(records).toMatchObject([
      { level: 'warn', scope: 'bot/b1', message: 'app_secret=***', fields: { url: '?ticket=***' } },
    ])
  })
})
