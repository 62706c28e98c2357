import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterEach, expect, it } from 'vitest'
import type { Alert } from '../../src/index.ts'
import { Recorder } from '../support/recorder.ts'
import { listen } from '../support/bot.ts'
import { newApp } from '../support/simulator.ts'
import { firstEntry } from '../support/first-entry.ts'
import { ADA, addConnected, Cleanups, eventOf } from '../support/system.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

it('C1: events in flight when the connection breaks, ten times over, are each answered once and in order', async () => {
  const { client, url } = await cleanups.simulator(0.001)
  const supervisor = cleanups.supervisor({ dataDir: await cleanups.dataDir() })
  await supervisor.start()
  await addConnected(supervisor, ADA, url)
  const reconnected = new Recorder<string>()
  supervisor.on('bot', ({ connection }) => reconnected.add(connection.state))
  for (let round = 1; round <= 10; round += 1) {
    await client.inject({ kind: 'withhold_acks', appId: ADA.appId })
    const chatIds = Array.from({ length: 20 }, (_, n) => `oc_${n % 10}`)
    for (const chatId of chatIds) await client.sendText({ appId: ADA.appId, chatId, text: `round ${round}` })
    await pushes(client, round * 20)
    await client.inject({ kind: 'close_connections', appId: ADA.appId, mode: 'reset' })
    await reconnected.next((state) => state !== 'connected')
    await reconnected.next((state) => state === 'connected')
  }
  const progress = await client.waitForReplies({ count: 200, timeoutMs: 20_000 })
  expect(progress).toMatchObject({ isComplete: true })
  expect(await client.summary()).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, replied: 200 })
})

type Client = Awaited<ReturnType<Cleanups['simulator']>>['client']

/** Resolves once so many pushes were made in all. */
async function pushes(client: Client, count: number): Promise<void> {
  let pushed = 0
  await firstEntry(client, ({ kind }) => {
    if (kind === 'pushed') pushed += 1
    return pushed >= count
  })
}

it('O4: of 40 bots added at once no more than the allowed number connect, the rest waits its turn', async () => {
  const apps = Array.from({ length: 40 }, newApp)
  const { client, url } = await cleanups.simulator()
  for (const app of apps) await client.addApp(app)
  const supervisor = cleanups.supervisor({
    dataDir: await cleanups.dataDir(),
    maxConnections: 10,
    supervision: { limit: { intensity: 1 }, backoff: { firstMs: 10, maxMs: 20 } },
  })
  await supervisor.start()
  const states = new Recorder<{ botId: string; state: string }>()
  supervisor.on('bot', ({ botId, connection: { state } }) => states.add({ botId, state }))
  const alerts = new Recorder<Alert>()
  supervisor.on('alert', alerts.add)
  await Promise.all(apps.map((app) => supervisor.addBot({ ...app, domain: url, useWebSocket: true })))
  const connected = () => new Set(states.items.flatMap(({ botId, state }) => (state === 'connected' ? [botId] : [])))
  await states.until(() => connected().size === 10, 20_000)

  const { bots } = await supervisor.status()
  const waiting = bots.filter(({ child }) => child.state === 'stopped')
  expect(waiting).toHaveLength(30)
  expect(waiting.every(({ child }) => child.nextStep?.includes('all 10 connections') === true)).toBe(true)

  // A bot that is parked leaves its place to the first in line.
  const [victim = ''] = connected()
  const revived = eventOf(
    supervisor,
    'bot',
    ({ botId, child }) => botId === victim && child.incarnation === 2 && child.state === 'running',
  )
  await supervisor.killBot(victim)
  await revived
  await supervisor.killBot(victim)
  expect(await alerts.next()).toMatchObject({ kind: 'worker_failed', state: 'raised', botId: victim })
  await states.until(() => connected().size === 11)
  expect(connected()).toContain(waiting[0]?.botId)

  let most = 0
  const open = new Set<string>()
  for (const entry of await client.history()) {
    if (entry.kind === 'connection_opened') open.add(entry.connectionId)
    if (entry.kind === 'connection_closed') open.delete(entry.connectionId)
    most = Math.max(most, open.size)
  }
  expect(most).toBe(10)
})

it('refused credentials are told to listeners and to the webhook, and a new secret ends them', async () => {
  const { url } = await cleanups.simulator()
  const posted = new Recorder<{ type: string; data: { kind: string } }>()
  const hook = await listen(() =>
    createServer((request, response) => {
      void text(request).then((body) => {
        response.end()
        posted.add(JSON.parse(body) as { type: string; data: { kind: string } })
      })
    }),
  )
  const secret = `whsec_${Buffer.from('a key of thirty-two bytes, fake!').toString('base64')}`
  const supervisor = cleanups.supervisor({ dataDir: await cleanups.dataDir(), alerts: { url: hook.url, secret } })
  const alerts = new Recorder<Alert>()
  supervisor.on('alert', alerts.add)
  const logs: string[] = []
  supervisor.on('log', ({ message }) => logs.push(message))
  await supervisor.start()
  const { id } = await supervisor.addBot({ ...ADA, appSecret: 'mistyped', domain: url, useWebSocket: true })
  const raised = await alerts.next()
  expect(raised).toMatchObject({ kind: 'credentials_rejected', state: 'raised', botId: id, name: ADA.name, attempt: 1 })
  expect(raised.cause).toContain('514')
  await supervisor.updateBot(id, { appSecret: ADA.appSecret })
  expect(await alerts.next()).toMatchObject({ kind: 'credentials_rejected', state: 'cleared', botId: id })
  await posted.until(() => posted.items.length === 2)
  expect(posted.items.map(({ type, data }) => `${type} ${data.kind}`)).toEqual([
    'alert.raised credentials_rejected',
    'alert.cleared credentials_rejected',
  ])
  expect(logs.join()).toContain(raised.cause)
  expect(JSON.stringify([posted.items, alerts.items, logs])).not.toContain('mistyped')
  await expect(supervisor.updateBot('bot_none', { name: 'x' })).rejects.toMatchObject({ code: 'BOT_NOT_FOUND' })
})
