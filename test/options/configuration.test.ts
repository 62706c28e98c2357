import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createFeishuSupervisor } from '../../src/app/create-feishu-supervisor.ts'
import { resolveBotChange, resolveNewBot } from '../../src/app/new-records.ts'
import { limitsOf, policyOf } from '../../src/cli/bot-flags.ts'
import { readEnvironment } from '../../src/cli/environment.ts'
import { errorText } from '../../src/core/errors.ts'
import type { FeishuSupervisorOptions } from '../../src/options/feishu-supervisor-options.ts'
import { resolveOptions } from '../../src/options/options.ts'
import type { BotChange, NewBotOptions } from '../../src/protocol/model/bot-input.ts'

const TOKEN = 't'.repeat(32)
const WEBHOOK_SECRET = `whsec_${btoa('k'.repeat(32))}`
const GOOD = './test/fixtures/handlers/good.mjs'
const BOT: NewBotOptions = { appId: 'cli_0123456789abcdef', appSecret: 'canary-secret' }

/** The text of the CONFIG_INVALID that `run` throws. */
function refusal(run: () => unknown): string {
  let thrown: unknown
  try {
    run()
  } catch (value) {
    thrown = value
  }
  expect(thrown).toMatchObject({ code: 'CONFIG_INVALID', retryable: false })
  return errorText(thrown)
}

describe('the environment', () => {
  it('needs nothing', () => {
    expect(readEnvironment({ PATH: '/bin', FSX: '1' })).toEqual({
      host: '127.0.0.1',
      port: 3400,
      isPortGiven: false,
      log: { level: 'info' },
      options: { allowedHosts: ['127.0.0.1', 'localhost', '[::1]'] },
    })
  })

  it('sets what is given', () => {
    const env = { FS_HOST: '0.0.0.0', FS_PORT: '0', FS_API_TOKEN: TOKEN, FS_DATA_DIR: '/d', FS_MAX_CONNECTIONS: '3' }
    const more = {
      FS_ALLOWED_DOMAINS: 'https://a.example, https://b.example',
      FS_HANDLER_OWNERS: 'sales=ann|ben, support=eve',
      FS_LOG_LEVEL: 'warn',
      FS_LOG_FORMAT: 'text',
      FS_MEMORY_ALERT_MB: '512',
    }
    expect(readEnvironment({ ...env, ...more })).toEqual({
      host: '0.0.0.0',
      port: 0,
      isPortGiven: true,
      log: { level: 'warn', format: 'text' },
      options: {
        health: { memoryMb: 512 },
        apiToken: TOKEN,
        dataDir: '/d',
        maxConnections: 3,
        allowedDomains: ['https://a.example', 'https://b.example'],
        handlerOwners: { sales: ['ann', 'ben'], support: ['eve'] },
      },
    })
  })

  it('takes where alerts go', () => {
    const env = { FS_ALERT_URL: 'https://hooks.example', FS_ALERT_SECRET: WEBHOOK_SECRET }
    const { options } = readEnvironment(env)
    expect(resolveOptions(options).alerts).toEqual({ url: 'https://hooks.example', secret: WEBHOOK_SECRET })
  })

  it.each<[Record<string, string>, object | undefined]>([
    [{ HTTPS_PROXY: 'http://proxy.example:3128' }, { proxy: 'http://proxy.example:3128' }],
    [
      { https_proxy: 'proxy.example:3128', no_proxy: 'a.example, b.example c.example' },
      {
        proxy: 'http://proxy.example:3128',
        noProxy: ['a.example', 'b.example', 'c.example'],
      },
    ],
    [{ HTTPS_PROXY: '', NO_PROXY: '*' }, undefined],
    [{ NO_PROXY: '*' }, undefined],
    [{ FS_CA_FILE: '/ca.pem' }, { caFile: '/ca.pem' }],
  ])('takes the way out of %j', (env, connection) => {
    expect(readEnvironment(env).options.connection).toEqual(connection)
  })

  it('takes a backend or a model as handler, with the secrets that are named for it', () => {
    const http = { FS_HANDLER: 'http', FS_HTTP_URL: 'http://127.0.0.1:8080/feishu', FS_SECRET_HTTP: 'fake-key-1' }
    expect(readEnvironment(http).options.handler).toEqual({ builtIn: 'http', url: http.FS_HTTP_URL, apiKey: 'HTTP' })
    const openai = { FS_HANDLERS: 'smart=openai', FS_OPENAI_MODEL: 'small', FS_OPENAI_HISTORY: '5' }
    expect(readEnvironment(openai).options.handlers).toEqual({
      smart: { builtIn: 'openai', model: 'small', history: 5 },
    })
  })

  it('takes handlers and secrets by name', () => {
    const env = { FS_HANDLERS: 'sales=./sales.mjs, shout=a=b.mjs', FS_SECRET_OPENAI_KEY: 'fake-key-1' }
    expect(readEnvironment(env).options).toMatchObject({
      handlers: { sales: './sales.mjs', shout: 'a=b.mjs' },
      secrets: { OPENAI_KEY: 'fake-key-1' },
    })
  })

  it.each<[Record<string, string>, string]>([
    [{ FS_PROT: '1' }, 'FS_PROT'],
    [{ FS_PORT: 'x' }, 'FS_PORT: expected a port number'],
    [{ FS_PORT: '65536' }, 'FS_PORT'],
    [{ FS_PORT: '-1' }, 'FS_PORT'],
    [{ FS_PORT: '1.5' }, 'FS_PORT'],
    [{ FS_HOST: '' }, 'FS_HOST'],
    [{ FS_DATA_DIR: '' }, 'FS_DATA_DIR'],
    [{ FS_DATABASE_URL: '' }, 'FS_DATABASE_URL'],
    [{ FS_MASTER_KEY: '' }, 'FS_MASTER_KEY'],
    [{ FS_API_TOKEN: 'short' }, 'FS_API_TOKEN: expected at least 32 characters'],
    [{ FS_HANDLER: '' }, 'FS_HANDLER'],
    [{ FS_CA_FILE: '' }, 'FS_CA_FILE'],
    [{ FS_ALERT_URL: 'https://hooks.example' }, 'FS_ALERT_SECRET: is missing'],
    [{ FS_ALERT_SECRET: 'whsec_x' }, 'FS_ALERT_URL: is missing'],
    [{ FS_HANDLERS: './sales.mjs' }, 'FS_HANDLERS: expected name=path'],
    [{ FS_HANDLER: 'http' }, 'FS_HTTP_URL: is missing'],
    [{ FS_HANDLER: 'openai' }, 'FS_OPENAI_MODEL: is missing'],
    [{ FS_OPENAI_MODEL: 'small' }, 'FS_OPENAI_MODEL: nothing reads it; set FS_HANDLER=openai'],
    [{ FS_HANDLER: 'http', FS_HTTP_URL: 'x', FS_HTTP_HISTORY: '101' }, 'FS_HTTP_HISTORY: expected a number'],
    [{ HTTPS_PROXY: 'socks5://proxy.example' }, 'HTTPS_PROXY: expected an HTTP proxy'],
    [{ HTTPS_PROXY: 'http://' }, 'HTTPS_PROXY: expected an HTTP proxy'],
    [{ FS_LOG_LEVEL: 'loud' }, 'FS_LOG_LEVEL'],
    [{ FS_LOG_FORMAT: 'xml' }, 'FS_LOG_FORMAT'],
    [{ FS_MEMORY_ALERT_MB: '-1' }, 'FS_MEMORY_ALERT_MB: expected megabytes'],
    [{ FS_MAX_CONNECTIONS: '0' }, 'FS_MAX_CONNECTIONS'],
    [{ FS_MAX_CONNECTIONS: 'many' }, 'FS_MAX_CONNECTIONS: expected a number'],
  ])('%j is refused by name', (env, text) => {
    expect(refusal(() => readEnvironment(env))).toContain(text)
  })

  it('names every mistake and what is known', () => {
    const text = refusal(() => readEnvironment({ FS_PORT: 'x', FS_API_TOKEN: 'short', FS_NEW: '1' }))
    for (const name of ['FS_PORT', 'FS_API_TOKEN', 'FS_NEW', 'Known variables: FS_HOST']) expect(text).toContain(name)
  })

  it.each(['0.0.0.0', '::', '192.168.1.2', 'host.example', '127.0.0.1.example'])(
    'asks for a token before %s is listened on',
    (host) => {
      expect(refusal(() => readEnvironment({ FS_HOST: host }))).toMatch(/^FS_HOST: .*FS_API_TOKEN/)
      expect(readEnvironment({ FS_HOST: host, FS_API_TOKEN: TOKEN }).host).toBe(host)
    },
  )

  it('knows the names it is asked by: of this machine, or what the operator says', () => {
    const of = (env: Record<string, string>) => readEnvironment(env).options.allowedHosts
    expect(of({ FS_HOST: '127.9.9.9', FS_ALLOWED_HOSTS: 'bots.example' })).toContain('bots.example')
    expect(of({ FS_HOST: '0.0.0.0', FS_API_TOKEN: TOKEN })).toBeUndefined()
    expect(of({ FS_HOST: '0.0.0.0', FS_API_TOKEN: TOKEN, FS_ALLOWED_HOSTS: 'a, b' })).toEqual(['a', 'b'])
  })

  it.each(['127.0.0.1', '127.9.9.9', '::1', 'localhost'])('asks for none on %s', (host) => {
    expect(readEnvironment({ FS_HOST: host }).host).toBe(host)
  })
})

describe('the options', () => {
  it('have the documented defaults', () => {
    const { thread, apiToken } = resolveOptions()
    expect(apiToken).toBeUndefined()
    expect(thread).toMatchObject({
      dataDir: join(process.cwd(), 'data'),
      handlers: { default: { kind: 'builtin', name: 'echo' } },
      maxConnections: 10,
      shutdownGraceMs: 10_000,
      supervision: { limit: { intensity: 5, periodMs: 60_000 }, stableAfterMs: 60_000, startTimeoutMs: 15_000 },
      connection: { fastAttempts: 5, acceptTimeoutMs: 2_500, backoff: { firstMs: 1_000, maxMs: 60_000, factor: 2 } },
      messages: { maxAttempts: 5, handlerTimeoutMs: 60_000 },
    })
  })

  it('take a module with its options', () => {
    const module = './test/fixtures/handlers/good.mjs'
    const path = join(process.cwd(), module)
    const of = (more: object) => resolveOptions({ handler: { module, ...more } }).thread.handlers['default']
    expect(of({})).toEqual({ kind: 'module', path, isolation: 'thread' })
    expect(of({ isolation: 'process', runsPerThread: 1 })).toMatchObject({ isolation: 'process', runsPerThread: 1 })
    const { FS_HANDLERS, ...env } = {
      FS_HANDLER: `${module}?isolation=process`,
      FS_HANDLERS: `a=${module}?isolation=no`,
    }
    expect(resolveOptions(readEnvironment(env).options).thread.handlers['default']).toMatchObject({
      isolation: 'process',
    })
    expect(refusal(() => resolveOptions(readEnvironment({ FS_HANDLERS }).options))).toContain('handlers.a.isolation: ')
  })

  it('keep functions on the host: into the thread goes only what they handle', () => {
    const message = (): void => {}
    const { thread, handlerTables } = resolveOptions({ handler: message, handlers: { cards: { cardAction: message } } })
    expect(thread.handlers).toEqual({
      default: { kind: 'host', name: 'default', kinds: ['message'] },
      cards: { kind: 'host', name: 'cards', kinds: ['card_action'] },
    })
    expect([...handlerTables].map(([name, table]) => [name, [...table]])).toEqual([
      ['default', [['message', message]]],
      ['cards', [['card_action', message]]],
    ])
  })

  it('keep the defaults beside a field that is set', () => {
    const { connection } = resolveOptions({ connection: { backoff: { firstMs: 7 } } }).thread
    expect(connection).toMatchObject({ backoff: { firstMs: 7, maxMs: 60_000 }, fastAttempts: 5 })
  })

  it('keep the API token out of what crosses into the thread', () => {
    const { thread, apiToken } = resolveOptions({ apiToken: TOKEN })
    expect(apiToken).toBe(TOKEN)
    expect(JSON.stringify(thread)).not.toContain(TOKEN)
  })

  it.each<[string, object]>([
    ['databaseUrl', { databaseUrl: 'mysql://x' }],
    ['dataDir', { dataDir: '' }],
    ['handler', { handler: './no-such-file.mjs' }],
    ['handler', { handler: { mesage() {} } }],
    ['handlers.sales', { handlers: { sales: './no-such-file.mjs' } }],
    ['handler', { handler: null }],
    ['handler.isolation', { handler: { module: './package.json', isolation: 'none' } }],
    ['handler.runsPerThread', { handler: { module: './package.json', isolation: 'process', runsPerThread: 2 } }],
    ['handler.url', { handler: { builtIn: 'http', url: 'backend' } }],
    ['handlers.smart.model', { handlers: { smart: { builtIn: 'openai' } } }],
    ['handler.apiKey', { handler: { builtIn: 'openai', model: 'small', apiKey: 'nobody' } }],
    [
      'handler.signingSecret',
      { secrets: { weak: 'not whsec' }, handler: { builtIn: 'http', url: 'http://a', signingSecret: 'weak' } },
    ],
    ['handler.builtIn', { handler: { builtIn: 'claude' } }],
    ['secrets.backend', { secrets: { backend: 'canary' } }],
    ['secrets.two words', { secrets: { 'two words': 'long enough' } }],
    ['handlers.default', { handlers: { default: 'echo' } }],
    ['handlers../x.mjs', { handlers: { './x.mjs': 'echo' } }],
    ['maxConnections', { maxConnections: 0 }],
    ['shutdownGraceMs', { shutdownGraceMs: -1 }],
    ['apiToken', { apiToken: 'short' }],
    ['handlerOwners.sale', { handlers: { sales: 'echo' }, handlerOwners: { sale: ['ann'] } }],
    ['allowedDomains.0', { allowedDomains: ['feishu.cn'] }],
    ['supervision.limit.intensity', { supervision: { limit: { intensity: 1.5 } } }],
    ['supervision.backoff.jitter', { supervision: { backoff: { jitter: 2 } } }],
    ['supervision.hangAfterMs', { supervision: { hangAfterMs: 1_999 } }],
    ['connection.acceptTimeoutMs', { connection: { acceptTimeoutMs: 3_000 } }],
    ['connection.sendTimeoutMs', { connection: { sendTimeoutMs: 0 } }],
    ['connection.creditWindow', { connection: { creditWindow: 'many' } }],
    ['alerts.url', { alerts: { url: 'hooks.example', secret: WEBHOOK_SECRET } }],
    ['alerts.secret', { alerts: { url: 'https://hooks.example', secret: 'canary-secret' } }],
    ['alerts.secret', { alerts: { url: 'https://hooks.example', secret: `whsec_${btoa('short')}` } }],
    ['connection.proxy', { connection: { proxy: 'proxy.example:3128' } }],
    ['connection.noProxy', { connection: { noProxy: 'a.example' } }],
    ['connection.caFile', { connection: { caFile: './no-such.pem' } }],
    ['connection.caFile', { connection: { caFile: './package.json' } }],
    ['messages.policy.groups', { messages: { policy: { groups: 'some' } } }],
    ['messages.threads', { messages: { threads: 65 } }],
    ['messages.leaseMs', { messages: { leaseMs: 1 } }],
    ['messages.runsPerThread', { messages: { runsPerThread: 0 } }],
    ['messages.handlerHangMs', { messages: { handlerHangMs: 99 } }],
    ['handlers.sales.runsPerThread', { handlers: { sales: { module: GOOD, runsPerThread: 0 } } }],
  ])('refuse a bad %s by name', (field, options) => {
    expect(refusal(() => resolveOptions(options as FeishuSupervisorOptions))).toContain(`${field}: `)
  })

  it.each<[string, object]>([
    ['messages.concurrency: Too big: expected number to be <=16384', { messages: { concurrency: 100_000 } }],
    ['messages.concurrency: Too small: expected number to be >=1', { messages: { concurrency: 0 } }],
    ['messages.runsPerThread: Too small: expected number to be >=1', { messages: { runsPerThread: 0 } }],
    [
      'handler.runsPerThread: Too big: expected number to be <=4096',
      { handler: { module: GOOD, runsPerThread: 5_000 } },
    ],
  ])('name the field and its bound: %s', (text, options) => {
    expect(refusal(() => resolveOptions(options as FeishuSupervisorOptions))).toContain(text)
  })

  it.each<[string, object]>([
    ['dataDirectory', { dataDirectory: '/x' }],
    ['fastAttempt', { connection: { fastAttempt: 1 } }],
  ])('refuse the unknown key %s', (key, options) => {
    expect(refusal(() => resolveOptions(options as FeishuSupervisorOptions))).toContain(key)
  })
})

describe('an option with an older name', () => {
  it.each<[string, object]>([
    ['options: watch was renamed to health', { watch: { memoryMb: 1 } }],
    ['messages: answers was renamed to policy', { messages: { answers: { groups: 'all' } } }],
    [
      'messages: repliesPerBotPerSecond was renamed to repliesPerSecond; unknown option thread',
      { messages: { repliesPerBotPerSecond: 1, thread: 1 } },
    ],
  ])('is refused with its new one: %s', (text, options) => {
    expect(refusal(() => resolveOptions(options as FeishuSupervisorOptions))).toBe(text)
  })
})

describe('whoever gives an order', () => {
  it('is named in an object: a text, as in 0.1, is refused with the new form', async () => {
    const supervisor = createFeishuSupervisor()
    const ann = 'ann' as unknown as object
    const orders = [
      supervisor.addBot(BOT, ann),
      supervisor.updateBot('bot_1', { name: 'x' }, ann),
      supervisor.removeBot('bot_1', ann),
      supervisor.restartBot('bot_1', ann),
      supervisor.resubmit({ eventId: 1 }, ann),
      supervisor.createToken({ owner: 'ann' }, ann),
      supervisor.revokeToken('1', ann),
      supervisor.rotateKeys(ann),
    ]
    const error = { code: 'CONFIG_INVALID', message: "by: give { by: 'ann' } instead of a text" }
    for (const order of orders) await expect(order).rejects.toMatchObject(error)
  })
})

describe('a new bot', () => {
  it('is called by its app id and is in webhook mode unless told otherwise', () => {
    expect(resolveNewBot(BOT)).toEqual({
      ...BOT,
      name: BOT.appId,
      domain: 'https://open.feishu.cn',
      useWebSocket: false,
    })
  })

  it('loses the trailing slash of its domain, which the SDK would double', () => {
    expect(resolveNewBot({ ...BOT, domain: 'http://127.0.0.1:3400/' }).domain).toBe('http://127.0.0.1:3400')
  })

  it.each<[string, object]>([
    ['appId', { appId: 'cli_123' }],
    ['appId', { appId: 'cli_0123456789abcdeg' }],
    ['appId', { appId: undefined }],
    ['appSecret', { appSecret: '' }],
    ['appSecret', { appSecret: 'canary-secret'.repeat(30) }],
    ['name', { name: '' }],
    ['domain', { domain: 'open.feishu.cn' }],
    ['domain', { domain: 'ftp://open.feishu.cn' }],
    ['useWebSocket', { useWebSocket: 'yes' }],
    ['isolation', { isolation: 'container' }],
    ['encryptKey', { encryptKey: '' }],
    ['owner', { owner: 'two words' }],
    ['handler', { handler: './answer.mjs' }],
    ['limits.inboundPerSecond', { limits: { inboundPerSecond: 0 } }],
    ['perSecond', { limits: { perSecond: 1 } }],
    ['policy.groups', { policy: { groups: 'some' } }],
    ['policy.users.0', { policy: { users: ['two words'] } }],
    ['encryptionKey', { encryptionKey: 'x' }],
  ])('with a bad %s is refused by name: %j', (field, more) => {
    const text = refusal(() => resolveNewBot({ ...BOT, ...more }))
    expect(text).toContain(field)
    expect(text).not.toContain('canary-secret')
  })
})

describe('limits and policy on the command line', () => {
  it('are pairs; what they may be is checked with the bot', () => {
    expect(limitsOf(['inboundPerSecond=5', 'maxAgeMs=0'])).toEqual({ inboundPerSecond: 5, maxAgeMs: 0 })
    expect(policyOf(['groups=all', 'users=ou_1,ou_2'])).toEqual({ groups: 'all', users: ['ou_1', 'ou_2'] })
    expect(refusal(() => limitsOf(['5']))).toContain('--limit: expected name=value, not "5"')
    expect(refusal(() => resolveNewBot({ ...BOT, limits: limitsOf(['maxAgeMs=soon']) }))).toContain('limits.maxAgeMs')
  })
})

describe('a change of a bot', () => {
  it('is taken with one field or both', () => {
    expect(resolveBotChange({ name: 'New' })).toEqual({ name: 'New' })
    expect(resolveBotChange({ name: 'New', appSecret: 's' })).toEqual({ name: 'New', appSecret: 's' })
  })

  it.each<[unknown, string]>([
    [{}, 'nothing to change'],
    [{ name: undefined }, 'nothing to change'],
    [{ name: '' }, 'name: '],
    [{ appSecret: '' }, 'appSecret: must not be empty'],
    [{ appId: 'cli_0123456789abcdef', name: 'x' }, 'appId'],
  ])('of %j is refused by name', (change, text) => {
    expect(refusal(() => resolveBotChange(change as BotChange))).toContain(text)
  })
})
