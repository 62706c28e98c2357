import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { checkHistory } from '../../src/simulator/history/check-history.ts'
import { firstEntry } from '../support/first-entry.ts'
import { listeningAddresses } from '../support/listening.ts'
import { provideOwnPostgres } from '../support/postgres.ts'
import { ADA, addConnected, Cleanups, eventOf, getJson } from '../support/system.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

const ADD_ADA = ['bots', 'add', '--app-id', ADA.appId, '--app-secret', '-', '--name', ADA.name, '--use-web-socket']

/** A data folder that knows bot Ada at this simulator. */
async function folderWithAda(url: string): Promise<string> {
  const folder = await cleanups.dataDir()
  const added = await cleanups.command([...ADD_ADA, '--domain', url], { FS_DATA_DIR: folder }, `${ADA.appSecret}\n`)
  expect(added).toMatchObject({ code: 0, stderr: '' })
  return folder
}

it('loses nothing when the process is killed, or told to end under load (S1), and answers at the next start', async () => {
  // Redeliveries after 0.03, 0.6, 7 and 43 s: a start that takes long misses no more than three of them.
  const simulator = await cleanups.simulator(0.002)
  const folder = await folderWithAda(simulator.url)
  const env = { FS_DATA_DIR: folder, FS_PORT: '0' }
  const first = cleanups.cli(['start'], env)
  await first.printed('feishu-supervisor is running')
  // In several chats, each of which gets five replies a second.
  const chats = [1, 2, 3].map((number) => ({ appId: ADA.appId, chatId: `oc_${number}` }))
  await simulator.client.startTraffic({ chats, count: 60, perSecond: 60 })
  await simulator.client.waitForReplies({ count: 15, timeoutMs: 20_000 })
  first.child.kill('SIGKILL')
  await first.ended

  const second = cleanups.cli(['start'], env)
  await second.printed('feishu-supervisor is running')
  await simulator.client.waitForReplies({ count: 60, timeoutMs: 60_000 })
  // Of a long connection nobody has to reach this process: its only port is that of the HTTP API.
  const reachedAt = process.platform === 'linux' ? await listeningAddresses(second.child.pid ?? 0) : ['127.0.0.1']
  expect(reachedAt).toEqual(['127.0.0.1'])
  await simulator.client.startTraffic({ chats, count: 60, perSecond: 60 })
  await simulator.client.waitForReplies({ count: 75, timeoutMs: 20_000 })
  const signalledAt = Date.now()
  second.child.kill('SIGTERM')
  expect(await second.ended).toMatchObject({ code: 0 })
  expect(Date.now() - signalledAt).toBeLessThan(12_000)

  const third = cleanups.cli(['start'], env)
  await third.printed('feishu-supervisor is running')
  await simulator.client.waitForReplies({ count: 120, timeoutMs: 60_000 })
  const clean = { sent: 120, replied: 120, lost: 0, duplicated: 0, reordered: 0 }
  expect(checkHistory(await simulator.client.history())).toMatchObject(clean)
  third.child.kill('SIGTERM')
  expect(await third.ended).toMatchObject({ code: 0 })
})

it('finishes the message in flight on SIGTERM and exits with 0', async () => {
  const simulator = await cleanups.simulator()
  const folder = await folderWithAda(simulator.url)
  // The handler asks a server of ours, so that the test knows when it runs and decides when it ends.
  const backend = createHttpServer().listen(0, '127.0.0.1')
  cleanups.add(() => new Promise((resolve) => backend.close(resolve)))
  await once(backend, 'listening')
  const handler = join(folder, 'asks.mjs')
  await writeFile(
    handler,
    `export default async (message, ctx) => {
       const answer = await fetch('http://127.0.0.1:${portOf(backend)}', { headers: { connection: 'close' } })
       await ctx.reply(await answer.text())
     }`,
  )
  const started = cleanups.cli(['start'], { FS_DATA_DIR: folder, FS_PORT: '0', FS_HANDLER: handler })
  await started.printed('feishu-supervisor is running')
  const asked = once(backend, 'request') as Promise<[IncomingMessage, ServerResponse]>
  await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'finish this' })
  const [, answer] = await asked
  started.child.kill('SIGTERM')
  await firstEntry(simulator.client, ({ kind }) => kind === 'connection_closed')
  answer.end('done')
  const { code, stderr } = await started.ended
  expect(code).toBe(0)
  const lines = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  for (const line of lines)
    expect(line).toMatchObject({ level: expect.any(Number), time: expect.any(Number), msg: expect.any(String) })
  expect(lines).toContainEqual(
    expect.objectContaining({
      event: 'connection',
      state: 'connected',
      msg: 'Ada: connected',
      botId: expect.stringMatching(/^bot_/),
    }),
  )
  expect(stderr).not.toContain('finish this')
  expect(checkHistory(await simulator.client.history())).toMatchObject({ sent: 1, replied: 1, duplicated: 0 })
})

it('ends at once at a second signal, and answers after the next start', async () => {
  const simulator = await cleanups.simulator()
  const folder = await folderWithAda(simulator.url)
  const handler = join(folder, 'never.mjs')
  await writeFile(handler, 'export default () => new Promise(() => {})')
  const env = { FS_DATA_DIR: folder, FS_PORT: '0' }
  const started = cleanups.cli(['start'], { ...env, FS_HANDLER: handler })
  await started.printed('feishu-supervisor is running')
  const acked = firstEntry(simulator.client, ({ kind }) => kind === 'acked')
  await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'later' })
  await acked
  const closed = firstEntry(simulator.client, ({ kind }) => kind === 'connection_closed')
  const signalledAt = Date.now()
  started.child.kill('SIGTERM')
  // Two signals at once may arrive as one.
  await closed
  started.child.kill('SIGTERM')
  await started.ended
  // The first one alone waits for the handler as long as the grace is.
  expect(Date.now() - signalledAt).toBeLessThan(10_000)

  const next = cleanups.cli(['start'], env)
  await next.printed('feishu-supervisor is running')
  await simulator.client.waitForReplies({ count: 1, timeoutMs: 20_000 })
  expect(checkHistory(await simulator.client.history())).toMatchObject({ sent: 1, replied: 1, duplicated: 0 })
})

it('names the process that uses the data folder', async () => {
  const folder = await cleanups.dataDir()
  const env = { FS_DATA_DIR: folder, FS_PORT: '0' }
  const first = cleanups.cli(['start'], env)
  await first.printed('feishu-supervisor is running')
  const second = await cleanups.command(['start'], env)
  expect(second.code).toBe(1)
  expect(second.stderr).toContain('DATA_DIR_IN_USE')
  expect(second.stderr).toContain(String(first.child.pid))
  expect(second.stderr).toContain(folder)
})

it('runs without the database, is not ready, and recovers when it comes', async (context) => {
  const postgres = await provideOwnPostgres()
  if ('skip' in postgres) {
    context.skip(postgres.skip)
    return
  }
  cleanups.add(() => postgres.drop())
  const { server } = postgres
  if (server === undefined) {
    context.skip('the server of TEST_DATABASE_URL is not ours to stop')
    return
  }
  await server.stop()
  const simulator = await cleanups.simulator()
  const supervisor = cleanups.supervisor({ dataDir: await cleanups.folder(), databaseUrl: postgres.url })
  await supervisor.start()
  expect(await getJson(supervisor, '/healthz')).toMatchObject({ status: 200 })
  expect(await getJson(supervisor, '/readyz')).toMatchObject({
    status: 503,
    body: { status: 'not ready', store: { ready: false, error: { code: 'STORE_UNAVAILABLE' } } },
  })
  await expect(supervisor.addBot({ ...ADA, domain: simulator.url, useWebSocket: true })).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
  })

  const ready = eventOf(supervisor, 'store', (event) => event.ready)
  await server.start()
  await ready
  expect(await getJson(supervisor, '/readyz')).toMatchObject({ status: 200 })
  await addConnected(supervisor, ADA, simulator.url)
  await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'hello' })
  expect(await simulator.client.waitForReplies({ count: 1, timeoutMs: 10_000 })).toMatchObject({ isComplete: true })
})

function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new TypeError('the server does not listen')
  return address.port
}
