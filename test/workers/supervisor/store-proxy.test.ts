import { describe, expect, it } from 'vitest'
import { createLogger } from '../../../src/core/log/logger.ts'
import type { Store } from '../../../src/store/store.ts'
import { storeProxy } from '../../../workers/supervisor/store/store-proxy.ts'

function world() {
  const lines: string[] = []
  const calls: [string, readonly unknown[]][] = []
  const trouble: { message?: string } = {}
  const part = new Proxy(
    {},
    {
      get:
        (_part, kind) =>
        async (...args: unknown[]) => {
          calls.push([String(kind), args])
          if (trouble.message !== undefined) throw new Error(trouble.message)
          return kind
        },
    },
  )
  const store = { inbox: part, replies: part } as Store
  const opened: { store?: Store } = {}
  const log = createLogger('test', ({ level, message }) => lines.push(`${level}: ${message}`))
  return { lines, calls, trouble, opened, store, late: storeProxy(() => opened.store, log) }
}

const query = { owner: 'o', limit: 1, perBot: 1, rooms: {} }

describe('a store that may be used before it is open', () => {
  it('refuses until then, and works afterwards', async () => {
    const { late, lines, opened, store } = world()
    await expect(late.inbox.claim(query)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    opened.store = store
    expect(await late.inbox.claim(query)).toBe('claim')
    expect(lines).toEqual([])
  })

  it('hands every call on, under its name and with all it was given', async () => {
    const { late, calls, opened, store } = world()
    opened.store = store
    const all = [...Object.entries(late.inbox), ...Object.entries(late.replies)]
    for (const [kind, run] of all) expect(await (run as (...args: unknown[]) => unknown)(kind, 2, 3)).toBe(kind)
    expect(calls).toEqual(all.map(([kind]) => [kind, [kind, 2, 3]]))
    expect(all).toHaveLength(14)
  })

  it('tells once that a kind of call begins to fail, and once that it works again', async () => {
    const { late, lines, opened, store, trouble } = world()
    opened.store = store
    trouble.message = 'no route to the database'
    for (let n = 0; n < 3; n += 1) await expect(late.inbox.claim(query)).rejects.toThrow('no route')
    expect(lines).toEqual(['error: database call "claim" fails: no route to the database'])
    delete trouble.message
    await late.inbox.finish([])
    await late.inbox.claim(query)
    await late.inbox.claim(query)
    expect(lines.slice(1)).toEqual(['info: database call "claim" works again'])
  })
})
