import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { Client as PostgresClient } from 'pg'
import { afterAll, expect, it } from 'vitest'
import type { EventMap } from '../../src/index.ts'
import { providePostgres } from '../support/postgres.ts'
import { ADA, eventOf } from '../support/system.ts'
import { encrypted, headersOf, messageEnvelope, sign } from '../support/webhook.ts'
import { Client, shared, startedSupervisor } from '../support/http.ts'

const { test } = shared()

const canary = (what: string): string => `canary-${what}-${randomBytes(12).toString('hex')}`

const postgres = await providePostgres()
afterAll(async () => {
  if (!('skip' in postgres)) await postgres.drop()
})

// A3: in the paths where the platform refuses, because there an SDK prints what it sent.
it.each([
  ['PGlite', {}],
  ['PostgreSQL', postgres],
])('A3: on %s no secret appears in a log, an event, an answer or the database', async (_store, database) => {
  if ('skip' in database) return
  const simulator = await test.simulator()
  const dataDir = await test.dataDir()
  const apiToken = canary('api-token')
  const keys = { encryptKey: canary('encrypt-key'), verificationToken: canary('verification-token') }
  const appSecret = canary('app-secret')
  const supervisor = await startedSupervisor(test, {
    dataDir,
    ...('url' in database ? { databaseUrl: database.url } : {}),
    apiToken,
    allowedDomains: [simulator.url],
    messages: { maxReplyAttempts: 2 },
  })
  const seen: string[] = []
  const keep = (what: unknown): number => seen.push(inspect(what, { depth: 20 }))
  for (const name of ['bot', 'restart', 'alert', 'message', 'store', 'log'] as const satisfies (keyof EventMap)[])
    supervisor.on(name, keep)
  const api = new Client(supervisor, apiToken)
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await api.call(method, path, body)
    keep(answer)
    return answer.body
  }

  // The secret is wrong, so discovery and the token call fail: the places where the SDK would print it.
  const bot = { appId: ADA.appId, appSecret, ...keys, domain: simulator.url }
  const { id } = (await call('POST', '/api/feishu/bots', { ...bot, useWebSocket: true })) as { id: string }
  const { token } = (await supervisor.createToken({ owner: 'ann' })) as { token: string }
  await eventOf(supervisor, 'bot', ({ connection }) => connection.state === 'failed')
  const dead = eventOf(supervisor, 'message', ({ stage }) => stage === 'dead')
  const envelope = messageEnvelope(ADA.appId, { messageId: 'om_1', eventId: 'ev_1' }) as { header: object }
  const body = encrypted(
    JSON.stringify({ ...envelope, header: { ...envelope.header, token: keys.verificationToken } }),
    keys.encryptKey,
  )
  const headers = headersOf(sign(body, Date.now(), keys.encryptKey))
  const path = `http://localhost/api/feishu/webhook/${ADA.appId}`
  for (const more of [headers, { ...headers, 'x-lark-signature': 'bad' }]) {
    const response = await supervisor.fetch(new Request(path, { method: 'POST', body, headers: more }))
    keep(await response.text())
  }
  await dead
  await call('POST', '/api/feishu/bots', bot)
  await call('POST', '/api/feishu/bots', { ...bot, appSecret: `${appSecret}${'x'.repeat(300)}` })
  await call('PATCH', `/api/feishu/bots/${id}`, { appSecret: `${appSecret}2`, unknown: 1 })
  const { paths } = (await call('GET', '/api/feishu/openapi.json')) as { paths: Record<string, { get?: unknown }> }
  for (const [route, { get }] of Object.entries(paths)) {
    if (get === undefined || route.endsWith('/events')) continue
    // The metrics are no JSON.
    keep(await (await api.send('GET', route.replace('{id}', id).replace('{eventId}', '1'))).text())
  }
  await call('POST', '/api/feishu/doctor')
  await supervisor.stop(1_000)
  if ('url' in database) seen.push(await dump(database.url))
  for (const file of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
    if (file.isFile()) seen.push((await readFile(join(file.parentPath, file.name))).toString('latin1'))
  }

  const text = seen.join('\n')
  expect(text).toContain(ADA.appId)
  for (const secret of [apiToken, appSecret, ...Object.values(keys), token.slice('fs_'.length + 12)]) {
    expect({ secret, isThere: text.includes(secret) }).toEqual({ secret, isThere: false })
  }
})

/** Every row of every table as text. */
async function dump(url: string): Promise<string> {
  const client = new PostgresClient({ connectionString: url })
  await client.connect()
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      "select table_name as name from information_schema.tables where table_schema = 'public'",
    )
    const texts: string[] = []
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`select t::text as row from "${name}" t`)
      texts.push(name, ...rows.map(({ row }) => row))
    }
    return texts.join('\n')
  } finally {
    await client.end()
  }
}
