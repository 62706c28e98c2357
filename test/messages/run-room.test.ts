import { expect, it } from 'vitest'
import type { BusyLane } from '../../src/messages/dispatch/lane-load.ts'
import { RunRoom } from '../../src/messages/dispatch/run-room.ts'
import { FakePool, oneHandler } from './dispatcher-bench.ts'

interface Lane extends BusyLane {
  stage: BusyLane['stage']
}

it('processes in which no handler runs as a rule claim nothing and hold up nobody, and take suspects all the same', () => {
  const room = new RunRoom<Lane>({
    executors: { pool: new FakePool(8), exclusive: new FakePool(2), process: new FakePool(1), host: new FakePool(8) },
    handlers: oneHandler('message'),
    threads: 2,
    lanesPerBot: 64,
    maxBatch: 200,
    urgent: () => 0,
  })
  const before = room.demand(0)
  const lanes = [1, 2].map((): Lane => ({ botId: 'a', executor: 'process', stage: 'waiting' }))
  for (const lane of lanes) room.load('process').add(lane)
  const [first] = lanes
  expect(room.next('process')).toBe(first)
  first!.stage = 'running'
  room.load('process').moved(first!, 'waiting')
  expect(room.next('process')).toBeUndefined()
  expect(room.waitingCount).toBe(1)
  expect(room.demand(0)).toEqual(before)
})
