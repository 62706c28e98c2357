import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { FeishuSupervisor } from '../../src/app/feishu-supervisor.ts'
import { resolveOptions } from '../../src/options/options.ts'
import { FAST } from '../support/system.ts'
import { encrypted, headersOf, KEYS, sign } from '../support/webhook.ts'
import { Client, shared } from '../support/http.ts'

const { file } = shared()
/** The only place a bot may be pointed at here: nobody listens there. */
const NOWHERE = 'http://127.0.0.1:1'
const APP_ID = 'cli_00000000000000a1'

let supervisor: FeishuSupervisor
let api: Client
let botId: string
let operations: { readonly method: string; readonly path: string }[]

beforeAll(async () => {
  const { thread } = resolveOptions({
    ...FAST,
    dataDir: await file.dataDir(),
    messages: { ...FAST.messages, threads: 1 },
  })
  let asked = 0
  supervisor = new FeishuSupervisor(thread, {
    allowedDomains: [NOWHERE],
    // Another caller each time: the limit on requests of one token has a test of its own.
    authorize: () => ({ id: String((asked += 1)), owner: 'admin', role: 'admin', scopes: ['read', 'write'] }),
  })
  file.add(() => supervisor.stop(500))
  await supervisor.start()
  const bot = { appId: APP_ID, appSecret: 'fake-secret', domain: NOWHERE, ...KEYS, useWebSocket: false }
  botId = (await supervisor.addBot(bot)).id
  api = new Client(supervisor, null)
  const { body } = await api.call('GET', '/api/feishu/openapi.json')
  const { paths } = body as { paths: Record<string, object> }
  operations = Object.entries(paths)
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })))
    .filter(({ path }) => !/events$|webhook/.test(path))
})

/** Texts that have broken something somewhere before, among others. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '',
    '\u0000',
    '\uD800',
    '__proto__',
    "'; drop table bots; --",
    '-1',
    '1e9',
    '99999999999999999999',
    'NaN',
  ),
)
const value = fc.oneof(text, fc.jsonValue(), fc.integer(), fc.double(), fc.constantFrom(null, true, [], {}))

/** Bodies near enough to good ones that what is behind the check is reached too. */
const body = fc.oneof(
  fc.jsonValue(),
  fc.record(
    {
      appId: fc.oneof(fc.constantFrom('cli_00000000000000b2', APP_ID), text),
      appSecret: fc.oneof(fc.constant('fake-secret'), text),
      name: value,
      domain: fc.oneof(fc.constantFrom(NOWHERE, `${NOWHERE}/`, 'file:///etc/passwd', 'http://169.254.169.254'), text),
      owner: fc.oneof(fc.constant('ann'), value),
      encryptKey: value,
      enabled: value,
      useWebSocket: fc.oneof(fc.constant(false), value),
      isolation: fc.oneof(fc.constant('thread'), value),
      handler: fc.oneof(fc.constant('echo'), value),
      limits: value,
      role: fc.oneof(fc.constantFrom('admin', 'user'), value),
      scopes: fc.oneof(fc.constant(['read']), value),
      expiresInDays: fc.oneof(fc.constantFrom(null, 1), value),
      part: fc.oneof(fc.nat(), value),
    },
    { requiredKeys: [] },
  ),
)
const query = fc.dictionary(fc.constantFrom('page', 'limit', 'botId', 'state', 'letters', 'more'), text, { maxKeys: 2 })

const request = fc.record({
  operation: fc.nat(),
  id: fc.oneof(text, fc.nat().map(String), fc.constant('BOT')),
  query: fc.oneof(fc.constant({}), query),
  body: fc.oneof({ weight: 9, arbitrary: body.map((json) => JSON.stringify(json)) }, fc.string()),
})

/** All that an order could have changed. */
async function state(): Promise<unknown> {
  const bots = (await supervisor.listBots()).map(({ createdAt: _createdAt, ...bot }) => bot)
  return [bots, (await supervisor.listTokens()).map(({ id, revokedAt }) => [id, revokedAt]), await stored()]
}

async function stored(): Promise<number> {
  return (await supervisor.listMessages({ botIds: null, limit: 1, offset: 0 })).total
}

interface Asked {
  readonly method: string
  readonly url: string
  readonly body: string
}

/** What is wrong with how a request was answered; undefined if nothing is. */
async function flawOf({ method, url, body: json }: Asked): Promise<string | undefined> {
  const isOrder = method !== 'GET'
  const before = isOrder ? await state() : undefined
  const hasBody = isOrder && method !== 'DELETE'
  const headers = { 'content-type': 'application/json' }
  const response = await supervisor.fetch(new Request(url, { method, headers, ...(hasBody ? { body: json } : {}) }))
  const answer = await response.text()
  const { status } = response
  if (status >= 500) return `${status}: ${answer}`
  if (status < 400) return undefined
  const { success, error, ...more } = JSON.parse(answer) as Record<string, unknown>
  if (success !== false || typeof error !== 'string' || Object.keys(more).length > 0) return `${status}: ${answer}`
  return isOrder && !isDeepStrictEqual(await state(), before) ? `${status}, and something has changed` : undefined
}

it.each(['messages', 'dead-letters'])('%s of a bot whose id no database takes are none', async (list) => {
  for (const id of ['%00', '%ED%A0%80', 'x'.repeat(10_000)]) {
    expect(await api.call('GET', `/api/feishu/${list}?botId=${id}`)).toMatchObject({ status: 200, body: { total: 0 } })
  }
})

it('whatever is asked, the answer is no failure of ours, and what is refused changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(request, async ({ operation, id, query: given, body: json }) => {
      const { method, path } = operations[operation % operations.length] ?? { method: 'GET', path: '/' }
      // A lone surrogate cannot be in a URL.
      const filled = path.replace(/\{\w+\}/, encodeURIComponent(Buffer.from(id === 'BOT' ? botId : id).toString()))
      const search = new URLSearchParams(given).toString()
      const url = `http://localhost${filled}${search === '' ? '' : `?${search}`}`
      expect(await flawOf({ method, url, body: json })).toBeUndefined()
      for (const bot of await supervisor.listBots()) if (bot.id !== botId) await supervisor.removeBot(bot.id)
    }),
    { numRuns: 1_000 },
  )
})

it('whatever is posted to a webhook, the answer is no failure of ours, and only what is signed is stored', async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.json().map((json) => Buffer.from(json)),
    fc.json().map((json) => Buffer.from(encrypted(json))),
    // Feishu's, but for what it says.
    fc
      .record({
        schema: value,
        uuid: value,
        event: value,
        type: value,
        header: fc.record({ event_id: value, event_type: value, create_time: value }),
      })
      .map((event) => Buffer.from(encrypted(JSON.stringify({ ...event, token: KEYS.verificationToken })))),
  )
  await fc.assert(
    fc.asyncProperty(bytes, fc.boolean(), async (content, isSigned) => {
      const before = await stored()
      const headers = isSigned ? headersOf(sign(content)) : {}
      const init = { method: 'POST', body: new Uint8Array(content), headers }
      const { status } = await supervisor.fetch(new Request(`http://localhost/api/feishu/webhook/${APP_ID}`, init))
      const mayBeStored = status === 200 && isSigned
      expect([200, 401]).toContain(status)
      expect(mayBeStored ? before : await stored()).toBe(before)
    }),
    { numRuns: 500 },
  )
})
