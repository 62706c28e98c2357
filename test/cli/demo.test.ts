import { readdir } from 'node:fs/promises'
import { afterEach, expect, it } from 'vitest'
import { Cleanups } from '../support/system.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

it('demo --once proves itself and leaves no folder behind', { timeout: 90_000 }, async () => {
  const temp = await cleanups.folder()
  const { code, stdout } = await cleanups.cli(['demo', '--once'], { TMPDIR: temp }).ended
  const figures: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  expect(figures).toMatchObject({ bots: 2, sent: 200, acked: 200, replied: 200, lost: 0, duplicated: 0, reordered: 0 })
  expect(Object(figures)).toMatchObject({
    restarts: expect.toSatisfy((count: number) => count >= 1),
    ackedWhileHostBlocked: expect.toSatisfy((count: number) => count > 0),
    maxAckMs: expect.toSatisfy((latency: number) => latency < 3_000),
  })
  expect(code).toBe(0)
  expect(await readdir(temp)).toEqual([])
})
