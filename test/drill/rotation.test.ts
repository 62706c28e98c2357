import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { HostProcess } from '../support/host-process.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BOTS = 4

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

it('A2: a process that dies while it rotates the master key leaves what its successor can open', {
  timeout: 90_000,
}, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'feishu-supervisor-drill-'))
  cleanups.push(() => rm(dataDir, { recursive: true, force: true }))
  const start = async (nth?: number): Promise<HostProcess> => {
    const host = new HostProcess(ROOT, { dataDir }, nth === undefined ? {} : { crash: { at: 'rotate.row', nth } })
    cleanups.push(() => host.kill())
    await host.ready
    return host
  }
  const first = await start()
  for (let index = 0; index < BOTS; index++) {
    const appId = `cli_000000000000000${index}`
    await first.order('addBot', { appId, appSecret: 'fake-secret', name: `bot ${index}`, domain: 'http://127.0.0.1:9' })
  }
  await first.order('stop')
  await first.kill()
  for (const nth of [1, 2]) {
    const dying = await start(nth)
    await expect(dying.order('rotateKeys')).rejects.toThrow('ended')
    await dying.exited
  }
  const last = await start()
  // One and then two were sealed anew before.
  expect(await last.order('rotateKeys')).toBe(BOTS - 3)
  expect((await last.order('status')).bots).toHaveLength(BOTS)
})
