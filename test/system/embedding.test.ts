import { readdirSync } from 'node:fs'
import { afterAll, expect, it, vi } from 'vitest'
import { listeningAddresses } from '../support/listening.ts'
import { APPS, addConnected, Cleanups, eventOf } from '../support/system.ts'

const cleanups = new Cleanups()
afterAll(cleanups.run)

/** What a host would find left in its process. */
async function leftovers() {
  // A closed port counts until the loop has turned and the thread at its other end is gone.
  await vi.waitFor(() => expect(process.getActiveResourcesInfo()).not.toContain('MessagePort'))
  return {
    threads: threadCount(),
    files: readdirSync('/proc/self/fd').length,
    handles: process.getActiveResourcesInfo().toSorted(),
    listeners: listeners(),
  }
}

function threadCount(): number {
  return readdirSync('/proc/self/task').length
}

function listeners(): string[] {
  return process
    .eventNames()
    .map((name) => `${String(name)}: ${process.listenerCount(name)}`)
    .toSorted()
}

it.skipIf(process.platform !== 'linux')(
  'several in one process start and stop over and over and leave nothing',
  async () => {
    const simulator = await cleanups.simulator()
    const before = listeners()
    const hosted = await Promise.all(
      APPS.map(async (app) => ({ app, handle: cleanups.supervisor({ dataDir: await cleanups.dataDir() }) })),
    )
    const rounds: Awaited<ReturnType<typeof leftovers>>[] = []
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(
        hosted.map(async ({ app, handle }) => {
          const connected = eventOf(handle, 'bot', ({ connection }) => connection.state === 'connected')
          await handle.start()
          if (round === 0) await addConnected(handle, app, simulator.url)
          else await connected
        }),
      )
      // Long connections go out: nobody has to reach this process.
      expect(await listeningAddresses(process.pid)).toEqual([])
      await Promise.all(hosted.map(({ handle }) => (round === 1 ? handle[Symbol.asyncDispose]() : handle.stop())))
      rounds.push(await leftovers())
    }
    // What every round left behind would be there once more now. An ended thread is listed for a moment longer.
    const { threads: most = 0, ...left } = { ...rounds[1] }
    await vi.waitFor(() => expect(threadCount()).toBeLessThanOrEqual(most), { timeout: 10_000 })
    const { threads: _threads, ...last } = await leftovers()
    expect(last).toEqual(left)
    expect(listeners()).toEqual(before)
  },
)
