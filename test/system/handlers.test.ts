import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { deferred } from '../../src/core/time/deferred.ts'
import type { FeishuSupervisorOptions } from '../../src/index.ts'
import { checkHistory } from '../../src/simulator/history/check-history.ts'
import { ADA, addConnected, API_TOKEN, BEN, Cleanups, eventOf, getJson } from '../support/system.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

it('each bot is answered by the handler it names: a function on this thread, a module in the pool', {
  timeout: 60_000,
}, async () => {
  const { client, url } = await cleanups.simulator()
  const dataDir = await cleanups.dataDir()
  const shout = join(dataDir, 'shout.mjs')
  await writeFile(shout, 'export default (message, ctx) => ctx.reply(message.text.toUpperCase())')
  let runs = 0
  const options: FeishuSupervisorOptions = {
    dataDir,
    handler: async (message, ctx) => {
      runs += 1
      if (ctx.attempt === 1) throw new Error('the chat service is away')
      await ctx.reply(`host ${ctx.attempt}: ${message.text}`)
    },
  }
  const supervisor = cleanups.supervisor({ ...options, handlers: { shout } })
  await supervisor.start()
  const ada = await addConnected(supervisor, ADA, url)
  const ben = await addConnected(supervisor, { ...BEN, handler: 'shout' }, url)
  await client.sendText({ appId: ADA.appId, chatId: 'oc_ada', text: 'hello' })
  await client.sendText({ appId: BEN.appId, chatId: 'oc_ben', text: 'hello' })
  await client.waitForReplies({ count: 2, timeoutMs: 20_000 })
  const said = (await client.history()).flatMap((entry) => (entry.kind === 'message_created' ? [entry.content] : []))
  expect(said.toSorted()).toEqual(['{"text":"HELLO"}', '{"text":"host 2: hello"}'])
  expect(runs).toBe(2)

  // In a group it answers where it is mentioned itself, and the timeline says why it did not.
  await client.sendText({ appId: ADA.appId, chatId: 'oc_room', chatType: 'group', text: 'anybody?' })
  await eventOf(supervisor, 'message', (event) => event.stage === 'handled' && event.reason === 'not_mentioned')
  expect((await supervisor.listMessages({ botIds: [ada], limit: 1, offset: 0 })).items).toMatchObject([
    { state: 'completed', reason: 'not_mentioned' },
  ])
  const [learnt] = await supervisor.listBots()
  expect(learnt).toMatchObject({ id: ada, openId: expect.stringMatching(/^ou_/) })
  const limits = { inboundPerSecond: 5, maxAgeMs: 60_000 }
  await supervisor.updateBot(ada, { limits, policy: { groups: 'all' } })
  expect(await supervisor.updateBot(ada, { limits: { maxAgeMs: null } })).toMatchObject({
    limits: { inboundPerSecond: 5 },
    policy: { groups: 'all' },
  })
  await client.sendText({ appId: ADA.appId, chatId: 'oc_room', chatType: 'group', text: 'and now?' })
  await client.waitForReplies({ count: 3, timeoutMs: 20_000 })

  const unknown = { code: 'CONFIG_INVALID', message: expect.stringContaining('only default, shout') }
  await expect(supervisor.updateBot(ada, { handler: 'other' })).rejects.toMatchObject(unknown)
  const refused = await supervisor.fetch(
    new Request(`http://localhost/api/feishu/bots/${ada}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${API_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ handler: shout }),
    }),
  )
  expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('the name of a handler')])

  // Started again without that handler, the bot takes messages and says why they wait.
  await supervisor.stop(1_000)
  const second = cleanups.supervisor(options)
  const connected = eventOf(second, 'bot', ({ botId, connection }) => botId === ben && connection.state === 'connected')
  await second.start()
  await connected
  expect((await getJson(second, `/api/feishu/bots/${ben}`)).body).toMatchObject({
    handler: 'shout',
    error: expect.stringContaining('its handler "shout" is not among the options (default)'),
  })
  expect((await getJson(second, '/api/feishu/supervisor')).body).toMatchObject({
    bots: expect.arrayContaining([
      expect.objectContaining({ botId: ben, obstacle: expect.stringContaining('"shout"') }),
    ]),
  })
  const kept = eventOf(second, 'message', ({ stage, botId }) => stage === 'received' && botId === ben)
  await client.sendText({ appId: BEN.appId, chatId: 'oc_ben', text: 'again' })
  await kept
  expect((await second.status()).inbox).toMatchObject({ depth: 1, dead: 0 })
  expect((await second.updateBot(ben, { handler: 'default' })).handler).toBe('default')
})

it('a function of the host that outlives the supervisor thread answers nobody; its successor asks again', {
  timeout: 60_000,
}, async () => {
  const { client, url } = await cleanups.simulator()
  const began = deferred()
  const aborted = deferred()
  const late = deferred()
  const supervisor = cleanups.supervisor({
    dataDir: await cleanups.dataDir(),
    async handler(_message, ctx) {
      if (ctx.attempt > 1) return await ctx.reply(`attempt ${ctx.attempt}`)
      ctx.signal.addEventListener('abort', () => aborted.resolve())
      began.resolve()
      await late.promise
      const past = await ctx.history(5)
      ctx.log('info', 'looked back')
      await ctx.reply(past.map(({ isOwn, text }) => `${isOwn ? 'bot' : 'user'}: ${text}`).join(', '))
    },
  })
  await supervisor.start()
  const ada = await addConnected(supervisor, ADA, url)
  await client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'hello' })
  await began.promise
  supervisor.killSupervisor()
  await aborted.promise
  await client.waitForReplies({ count: 1, timeoutMs: 20_000 })
  late.resolve()
  const logged = eventOf(supervisor, 'log', ({ scope, fields }) => scope === 'handler' && fields['botId'] === ada)
  await client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'next' })
  await client.waitForReplies({ count: 2, timeoutMs: 20_000 })
  await logged
  const history = await client.history()
  const said = history.flatMap((entry) => (entry.kind === 'message_created' ? [entry.content] : []))
  expect(said).toEqual(['{"text":"attempt 2"}', '{"text":"user: hello, bot: attempt 2"}'])
  expect(checkHistory(history)).toMatchObject({ lost: 0, duplicated: 0, reordered: 0 })
})

it('a handler in a process of its own: what ends it costs its message one attempt, and what it prints is in the log', {
  timeout: 60_000,
}, async () => {
  const { client, url } = await cleanups.simulator()
  const dataDir = await cleanups.dataDir()
  const module = join(dataDir, 'native.mjs')
  await writeFile(
    module,
    `export default async (message, ctx) => {
      process.stdout.write('ran in ' + process.pid + ' ')
      process.stdout.write('with ' + ctx.secret('backend') + '\\n')
      if (ctx.attempt === 1) process.abort()
      await ctx.reply('attempt ' + ctx.attempt)
    }`,
  )
  const secrets = { backend: 'canary-secret' }
  const supervisor = cleanups.supervisor({ dataDir, secrets, handler: { module, isolation: 'process' } })
  const errors: unknown[] = []
  supervisor.on('message', (event) => event.stage === 'retry' && errors.push(event.error))
  const isPrinted = (text: string): boolean => /^ran in \d+ with \*\*\*$/.test(text)
  const printed = eventOf(
    supervisor,
    'log',
    ({ scope, message, fields }) => scope === 'handler' && fields['printed'] === true && isPrinted(message),
  )
  await supervisor.start()
  await addConnected(supervisor, ADA, url)
  await client.sendText({ appId: ADA.appId, chatId: 'oc_ada', text: 'hello' })
  await client.waitForReplies({ count: 1, timeoutMs: 20_000 })
  await printed
  expect(errors).toMatchObject([{ code: 'HANDLER_PROCESS_DIED', message: expect.stringContaining('SIGABRT') }])
  const said = (await client.history()).flatMap((entry) => (entry.kind === 'message_created' ? [entry.content] : []))
  expect(said).toEqual(['{"text":"attempt 2"}'])
  expect((await supervisor.status()).pool).toMatchObject({ processes: 1 })
})

it('a model answers through the pool: it is asked again when it is busy, and given up when it refuses', {
  timeout: 60_000,
}, async () => {
  const KEY = 'fake-api-key-canary'
  const answers: ((response: ServerResponse) => void)[] = [
    (response) => response.writeHead(429, { 'retry-after': '1' }).end(),
    (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const content of ['Hello', ' Tom']) {
        response.write(`data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`)
      }
      response.end('data: [DONE]\n\n')
    },
    (response) => response.writeHead(401).end(`no such key: ${KEY}`),
  ]
  const asked: { authorization: string | undefined; at: number }[] = []
  const server = createServer((request, response) => {
    asked.push({ authorization: request.headers.authorization, at: Date.now() })
    request.resume().on('end', () => answers[asked.length - 1]?.(response))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.add(async () => server.close().closeAllConnections())
  const { client, url } = await cleanups.simulator()
  const { port } = server.address() as AddressInfo
  const supervisor = cleanups.supervisor({
    dataDir: await cleanups.dataDir(),
    secrets: { model: KEY },
    handler: { builtIn: 'openai', baseUrl: `http://127.0.0.1:${port}/v1`, model: 'small', apiKey: 'model' },
  })
  const logs: string[] = []
  supervisor.on('log', (record) => logs.push(JSON.stringify(record)))
  await supervisor.start()
  await addConnected(supervisor, ADA, url)
  await client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'hello' })
  await client.waitForReplies({ count: 1, timeoutMs: 20_000 })
  expect(asked.map(({ authorization }) => authorization)).toEqual([`Bearer ${KEY}`, `Bearer ${KEY}`])
  expect(asked[1]!.at - asked[0]!.at).toBeGreaterThanOrEqual(1_000)
  expect(JSON.stringify(await client.history())).toContain('Hello Tom')

  const dead = eventOf(supervisor, 'message', (event) => event.stage === 'dead' && event.reason === 'gave_up')
  await client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'and now?' })
  await dead
  const [letter] = (await supervisor.listDeadLetters()).items
  expect(letter).toMatchObject({ attempt: 1, reason: 'gave_up', error: { code: 'HANDLER_GAVE_UP', retryable: false } })
  expect(letter?.error?.message).toContain('401: no such key: ***')
  expect(JSON.stringify([letter, logs])).not.toContain(KEY)
})
