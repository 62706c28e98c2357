import { expect, it } from 'vitest'
import { type Deferred, deferred } from '../../../src/core/time/deferred.ts'
import { FeishuSupervisorError } from '../../../src/core/errors.ts'
import type { BotReport, ConnectionStateName } from '../../../src/protocol/model/status.ts'
import { StateRecorder } from '../../../workers/supervisor/bots/state-recorder.ts'
import { botReport, shownBot } from '../../support/bots.ts'

function report(botId: string, state: ConnectionStateName): BotReport {
  return botReport(shownBot(botId), {}, { state })
}

/** A table whose writes end when the test says so. */
function table() {
  const writes: { states: readonly { id: string; state: string }[]; end: Deferred<void> }[] = []
  const store = {
    recordStates: async (states: readonly { id: string; state: string }[]) => {
      const end = deferred()
      writes.push({ states, end })
      await end.promise
    },
  }
  return { writes, recorder: new StateRecorder({ store: () => store, fastAttempts: 5 }) }
}

it('writes every change of a word, one statement at a time, and nothing twice', async () => {
  const { writes, recorder } = table()
  recorder.record(report('a', 'connecting'))
  recorder.record(report('a', 'connecting'))
  recorder.record(report('a', 'connected'))
  recorder.record(report('b', 'connecting'))
  expect(writes.map(({ states }) => states)).toEqual([[{ id: 'a', state: 'connecting' }]])
  writes[0]?.end.resolve()
  await Promise.resolve()
  await new Promise(setImmediate)
  expect(writes[1]?.states).toEqual([
    { id: 'a', state: 'connected' },
    { id: 'b', state: 'connecting' },
  ])
  writes[1]?.end.resolve()
  await recorder.flush()
  expect(writes).toHaveLength(2)
})

it('keeps the newest word while the database is away, and writes it when asked again', async () => {
  const { writes, recorder } = table()
  recorder.record(report('a', 'connecting'))
  writes[0]?.end.reject(new FeishuSupervisorError('STORE_UNAVAILABLE', 'away'))
  await new Promise(setImmediate)
  recorder.record(report('a', 'connected'))
  expect(writes[1]?.states).toEqual([{ id: 'a', state: 'connected' }])
  writes[1]?.end.resolve()
  await recorder.flush()
  expect(writes).toHaveLength(2)
})
