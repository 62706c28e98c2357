import { describe, expect, it } from 'vitest'
import { Emitter } from '../../src/core/emitter.ts'
import { ERROR_CODES, errorText, FeishuSupervisorError, fromErrorRecord, toErrorRecord } from '../../src/core/errors.ts'
import { Pending } from '../../src/core/time/pending.ts'
import { FakeClock } from '../support/fake-clock.ts'

describe('Pending', () => {
  it('settles by its answer, and only once', async () => {
    const clock = new FakeClock()
    const pending = new Pending<string>(clock)
    const { id, answer } = pending.open(100, 'a')
    pending.resolve(id, 'first')
    pending.resolve(id, 'second')
    pending.reject(id, new Error('late'))
    await expect(answer).resolves.toBe('first')
    expect({ open: pending.size, timers: clock.timerCount }).toEqual({ open: 0, timers: 0 })
  })

  it('settles by its deadline, not before, and a late answer changes nothing', async () => {
    const clock = new FakeClock()
    const pending = new Pending<string>(clock)
    const { id, answer } = pending.open(100, 'storage of x')
    const settled: unknown[] = []
    answer.catch((thrown: unknown) => settled.push(thrown))
    await clock.advance(99)
    expect(settled).toEqual([])
    await clock.advance(1)
    pending.resolve(id, 'late')
    expect(settled).toEqual([
      expect.objectContaining({ code: 'DEADLINE_EXCEEDED', message: 'no answer within 100 ms: storage of x' }),
    ])
    expect(pending.size).toBe(0)
  })

  it('rejects everything when the other side is gone', async () => {
    const clock = new FakeClock()
    const pending = new Pending<string>(clock)
    const answers = [1, 2, 3].map(() => pending.open(100, 'a').answer)
    pending.rejectAll(new Error('gone'))
    const outcomes = await Promise.allSettled(answers)
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect({ open: pending.size, timers: clock.timerCount }).toEqual({ open: 0, timers: 0 })
  })

  it('never gives the same id twice and ignores unknown ones', () => {
    const pending = new Pending<string>(new FakeClock())
    const first = pending.open(100, 'a')
    pending.resolve(first.id, 'x')
    expect(pending.open(100, 'b').id).not.toBe(first.id)
    expect(() => pending.resolve(999, 'x')).not.toThrow()
  })
})

describe('Emitter', () => {
  it('reaches every listener although one throws', () => {
    const thrown: unknown[] = []
    const heard: string[] = []
    const emitter = new Emitter<{ word: string }>((value) => thrown.push(value))
    emitter.on('word', () => {
      throw new Error('mine')
    })
    emitter.on('word', (word) => heard.push(word))
    emitter.emit('word', 'hello')
    expect(heard).toEqual(['hello'])
    expect(thrown).toEqual([new Error('mine')])
  })

  it('forgets a listener that was removed, also from inside itself', () => {
    const heard: string[] = []
    const emitter = new Emitter<{ word: string }>(() => {})
    const off = emitter.on('word', (word) => {
      heard.push(word)
      off()
    })
    emitter.emit('word', 'one')
    emitter.emit('word', 'two')
    expect(heard).toEqual(['one'])
  })
})

describe('errors', () => {
  it.each(Object.entries(ERROR_CODES))('%s is retryable as the catalogue says', (code, { retryable }) => {
    expect(new FeishuSupervisorError(code as keyof typeof ERROR_CODES, 'x').retryable).toBe(retryable)
  })

  it('cross a thread and come back the same', () => {
    const error = new FeishuSupervisorError('REPLY_FAILED', 'no', { retryable: false, cause: new Error('hidden') })
    const record = toErrorRecord(error)
    expect(record).toEqual({ code: 'REPLY_FAILED', message: 'no', retryable: false })
    expect(fromErrorRecord(structuredClone(record))).toMatchObject({ ...record, name: 'FeishuSupervisorError' })
  })

  it('are made of anything that can be thrown', () => {
    expect(toErrorRecord(new TypeError('no'))).toEqual({ code: 'INTERNAL', message: 'no', retryable: false })
    expect(toErrorRecord(null, 'HANDLER_FAILED')).toEqual({ code: 'HANDLER_FAILED', message: 'null', retryable: true })
  })

  it.each([
    ['an error without a message', new RangeError(), 'RangeError'],
    ['a text', 'words', 'words'],
    ['undefined', undefined, 'undefined'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    [
      'an object whose toString throws',
      {
        toString() {
          throw new Error('no')
        },
      },
      'the thrown value cannot be printed',
    ],
  ])('have a text for %s', (_name, thrown, text) => {
    expect(errorText(thrown)).toBe(text)
  })
})
