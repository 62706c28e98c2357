import { beforeEach } from 'vitest'
import { describeInbox } from '../store/inbox-contract.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { MemoryStore } from './memory-store.ts'

let clock = new FakeClock()
let store = new MemoryStore(clock)
beforeEach(() => {
  clock = new FakeClock()
  store = new MemoryStore(clock)
})

describeInbox('in memory', () => ({
  inbox: store,
  age: async (ms) => await clock.advance(ms),
  rescue: (owner) => Promise.resolve(store.rescue(owner)),
}))
