import { execFileSync } from 'node:child_process'
import { constants } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { ADA, addConnected, Cleanups, eventOf } from '../system/support.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

/** What the library promises to be gone by, after its grace. */
const MARGIN_MS = 2_000

/** For a machine that is busy with other tests. */
const SLACK_MS = 3_000

describe('a host that embeds the library', () => {
  it('keeps its listeners and its process, and a stop is over in time although a handler computes for ever (S2)', async () => {
    const names = [
      'exit',
      'beforeExit',
      'uncaughtException',
      'unhandledRejection',
      'SIGTERM',
      'SIGINT',
      'SIGHUP',
      'warning',
    ]
    const counts = () => names.map((name) => process.listenerCount(name))
    const before = counts()
    const simulator = await cleanups.simulator()
    const supervisor = cleanups.supervisor({
      dataDir: await cleanups.dataDir(),
      handler: resolve('test/fixtures/handlers/spins.mjs'),
    })
    await supervisor.start()
    await addConnected(supervisor, ADA, simulator.url)
    expect(counts()).toEqual(before)
    const received = eventOf(supervisor, 'message', ({ stage }) => stage === 'received')
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'spin' })
    await received
    const startedAt = Date.now()
    await supervisor.stop(500)
    expect(Date.now() - startedAt).toBeLessThan(500 + MARGIN_MS + SLACK_MS)
    expect((await supervisor.status()).state).toBe('stopped')
    expect(counts()).toEqual(before)
  })
})

describe('the command line', () => {
  it('ends in time although a handler sits in native code, where nothing ends its thread (S2)', async () => {
    const simulator = await cleanups.simulator()
    const folder = await cleanups.dataDir()
    const backend = createServer().listen(0, '127.0.0.1')
    cleanups.add(() => new Promise((done) => backend.close(done)))
    await once(backend, 'listening')
    const fifo = join(folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    // Opened to read and write a FIFO never blocks: whoever still waits at its other end goes on.
    cleanups.add(() => writeFile(fifo, '', { flag: constants.O_RDWR }))
    const handler = join(folder, 'blocks.mjs')
    await writeFile(
      handler,
      `import { openSync } from 'node:fs'
       export default async () => {
         await fetch('http://127.0.0.1:${(backend.address() as AddressInfo).port}', { headers: { connection: 'close' } })
         openSync(${JSON.stringify(fifo)}, 'r')
       }`,
    )
    const env = { FS_DATA_DIR: folder, FS_PORT: '0', FS_HANDLER: handler }
    const add = ['bots', 'add', '--app-id', ADA.appId, '--app-secret', ADA.appSecret, '--domain', simulator.url]
    expect(await cleanups.cli(add, { FS_DATA_DIR: folder }).ended).toMatchObject({ code: 0 })
    const started = cleanups.cli(['start'], env)
    await started.printed('feishu-supervisor is running')
    const asked = once(backend, 'request') as Promise<[unknown, ServerResponse]>
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'block' })
    const [, answer] = await asked
    answer.end()
    const signalledAt = Date.now()
    started.child.kill('SIGTERM')
    await started.ended
    expect(Date.now() - signalledAt).toBeLessThan(10_000 + MARGIN_MS + SLACK_MS)
    expect(started.child.signalCode).toBe('SIGKILL')
  }, 60_000)
})
