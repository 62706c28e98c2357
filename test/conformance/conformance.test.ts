import { describe, expect, it } from 'vitest'
import { startSimulator, sdkClient } from '../support/simulator.ts'
import { CALL_CHECKS, ANSWER_CHECKS } from './call-checks.ts'
import type { Check, World } from './check.ts'
import { CONNECTION_CHECKS } from './connection-checks.ts'
import { EVENT_CHECKS } from './event-checks.ts'
import { MISTAKES } from './mistakes.ts'
import { startWrongPlatform } from './wrong-platform.ts'

const CHECKS: readonly Check[] = [...CONNECTION_CHECKS, ...EVENT_CHECKS, ...CALL_CHECKS, ...ANSWER_CHECKS]

/** Longest a check may wait for something that a wrong platform never does. */
const MISTAKE_MS = 2500

/** Every check runs on a simulator of its own; `front` may put something before it. */
async function worldOf({ options }: Check, front = async (url: string) => url): Promise<World> {
  const { simulator, url: behind, app } = await startSimulator(options)
  const url = await front(behind)
  return { simulator, url, app, client: sdkClient(url, app) }
}

describe('the simulator', () => {
  it.each(CHECKS)('$name', async (check) => {
    await expect(worldOf(check).then((world) => check.run(world))).resolves.toBeUndefined()
  })
})

describe('the table notices a simulator with', () => {
  it.each(MISTAKES)('$name', async (mistake) => {
    const check = CHECKS.find(({ name }) => name === mistake.caughtBy)
    if (check === undefined) throw new Error(`there is no check "${mistake.caughtBy}"`)
    const world = await worldOf(check, (url) => startWrongPlatform(url, mistake))
    const run = check.run(world)
    let timer: NodeJS.Timeout | undefined
    const tooLong = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('the check waits for ever')), MISTAKE_MS)
    })
    await expect(Promise.race([run, tooLong])).rejects.toBeInstanceOf(Error)
    clearTimeout(timer)
    run.catch(() => {})
  })

  it.each([...new Set(MISTAKES.map(({ caughtBy }) => caughtBy))])(
    'no mistake at all: nothing in "%s"',
    async (name) => {
      const check = CHECKS.find((one) => one.name === name)
      await check?.run(await worldOf(check, (url) => startWrongPlatform(url, { name: 'none', caughtBy: 'none' })))
      expect(check).toBeDefined()
    },
  )
})
