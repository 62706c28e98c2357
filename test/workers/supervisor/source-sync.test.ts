import { describe, expect, it } from 'vitest'
import type { ErrorRecord } from '../../../src/core/errors.ts'
import type { Bot } from '../../../src/store/store.ts'
import { SourceSync } from '../../../workers/supervisor/source/source-sync.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'
import { storedBot } from '../../support/bots.ts'

function bot(id: string): Bot {
  return storedBot(id, { appId: `app-${id}` })
}

function syncOf(rows: Map<string, Bot>) {
  const clock = new FakeClock()
  const running = new Map<string, Bot>()
  const errors: (ErrorRecord | undefined)[] = []
  const unusable: { botId: string; why: string }[] = []
  const trouble: { fails?: boolean; refuses?: string; isStale?: boolean } = {}
  const reads: string[] = []
  const sync = new SourceSync({
    source: {
      read: async () => {
        reads.push('all')
        if (trouble.fails === true) throw new Error('no table')
        const failure = { code: 'BOT_SOURCE_FAILED', message: 'no table', retryable: true } as const
        return { bots: [...rows.values()], unusable, ...(trouble.isStale === true && { failure }) }
      },
      get: async (id) => {
        reads.push(id)
        if (trouble.fails === true) throw new Error('no table')
        return rows.get(id) ?? null
      },
    },
    reconciler: {
      put: async (one) => {
        if (trouble.refuses === one.id) throw new Error('its app is taken')
        running.set(one.id, one)
      },
      drop: async (id) => void running.delete(id),
    },
    registry: {
      known: () => reads.push('done'),
      botIds: () => [...running.keys()],
    },
    wake: () => {},
    changed: (error) => errors.push(error),
    clock,
    random: () => 0.5,
  })
  return { clock, running, errors, unusable, trouble, reads, sync, ids: () => [...running.keys()].toSorted() }
}

describe('a source of bots', () => {
  it('is read as a whole at first, then bot by bot', async () => {
    const rows = new Map([bot('a'), bot('b')].map((one) => [one.id, one]))
    const { sync, reads, ids, errors } = syncOf(rows)
    await sync.refresh()
    expect(ids()).toEqual(['a', 'b'])
    rows.set('c', bot('c'))
    rows.delete('a')
    void sync.refresh('c')
    void sync.refresh('a')
    await sync.refresh('a')
    expect(ids()).toEqual(['b', 'c'])
    expect(reads).toEqual(['all', 'done', 'c', 'a'])
    expect(errors).toEqual([])
    expect(sync.status).toEqual({ ready: true })
  })

  it('that fails is told once and tried again, later and later, while the bots go on', async () => {
    const rows = new Map([['a', bot('a')]])
    const { sync, reads, ids, errors, trouble, clock } = syncOf(rows)
    await sync.refresh()
    trouble.fails = true
    await sync.refresh('a')
    expect(sync.status).toMatchObject({ ready: false, error: { message: 'bot a: no table' } })
    await clock.advance(1_000)
    await clock.advance(1_999)
    expect(reads).toEqual(['all', 'done', 'a', 'all'])
    await clock.advance(1)
    expect(reads).toEqual(['all', 'done', 'a', 'all', 'all'])
    expect(errors.map((error) => error?.message)).toEqual(['bot a: no table', 'no table'])
    expect(ids()).toEqual(['a'])
    trouble.fails = false
    rows.set('b', bot('b'))
    await clock.advance(4_000)
    expect(ids()).toEqual(['a', 'b'])
    expect(errors.at(-1)).toBeUndefined()
    expect(clock.timerCount).toBe(0)
  })

  it('keeps what runs where a row cannot be used, and says which', async () => {
    const rows = new Map([bot('a'), bot('b'), bot('c')].map((one) => [one.id, one]))
    const { sync, ids, unusable, trouble, clock } = syncOf(rows)
    await sync.refresh()
    rows.delete('a')
    unusable.push({ botId: 'a', why: 'appId: wrong' })
    rows.set('d', bot('d'))
    trouble.refuses = 'd'
    await sync.refresh()
    expect(ids()).toEqual(['a', 'b', 'c'])
    expect(sync.status.error).toMatchObject({
      code: 'BOT_SOURCE_FAILED',
      message: 'bot a: appId: wrong\nbot d: its app is taken',
    })
    sync.close()
    expect(clock.timerCount).toBe(0)
  })

  it('that cannot be read at a start is taken as it was, and changes nothing that runs', async () => {
    const rows = new Map([['a', bot('a')]])
    const { sync, ids, trouble, clock } = syncOf(rows)
    trouble.isStale = true
    await sync.refresh()
    expect(ids()).toEqual(['a'])
    expect(sync.status.ready).toBe(false)
    rows.clear()
    await clock.advance(1_000)
    expect(ids()).toEqual(['a'])
    trouble.isStale = false
    await clock.advance(2_000)
    expect(ids()).toEqual([])
    expect(sync.status.ready).toBe(true)
  })

  it('is not read by a newer and an older reading at once', async () => {
    const rows = new Map([['a', bot('a')]])
    const { sync, running } = syncOf(rows)
    const first = sync.refresh()
    rows.set('a', { ...bot('a'), name: 'newer' })
    void sync.refresh('a')
    await first
    await settle()
    expect(running.get('a')?.name).toBe('newer')
  })
})
