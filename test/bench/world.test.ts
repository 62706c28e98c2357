import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, it } from 'vitest'
import { World } from '../../bench/process/world.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const ground = { built: `${root}dist/drill/bench`, postgresUrl: 'postgres://unused.invalid/unused' }

beforeAll(() => {
  execFileSync(process.execPath, ['bench/build.mjs'], { cwd: root, stdio: 'inherit' })
})

it('runs open and closed loads against a baseline, each party in its own process', async () => {
  const world = await World.open(ground, { subject: 'oneThread', bots: 2, isUnlimited: true })
  try {
    const load = { chats: world.chats(2), warmupMs: 20, durationMs: 100 }
    const open = await world.platform.order('open', { ...load, prefix: 'open', perSecond: 40, patienceMs: 10_000 })
    expect(open).toMatchObject({ missing: 0 })
    expect(open.replyMs).toHaveLength(4)
    expect(await world.platform.order('closed', { ...load, prefix: 'closed' })).toBeGreaterThan(0)
    expect(await world.subject.order('rssMb')).toBeGreaterThan(10)
    await expect(world.subject.order('killBot', 'cli_0')).rejects.toThrow('there are no workers here')
  } finally {
    await world.close()
  }
})

it('measures a worker that dies, from its lost connection to the next one', async () => {
  const world = await World.open(ground, { subject: 'bareWorkers', bots: 1 })
  try {
    const [{ appId } = { appId: '' }] = world.apps
    const reconnected = world.platform.order('reconnected', { appId, after: await world.platform.order('seq') })
    await world.subject.order('killBot', appId)
    expect(await reconnected).toBeGreaterThan(0)
  } finally {
    await world.close()
  }
})
