import { beforeEach } from 'vitest'
import { describeInbox } from '../store/inbox-contract.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { Leases } from './lifecycle-leases.ts'
import { MemoryStore } from './memory-store.ts'

let clock = new FakeClock()
let store = new MemoryStore(clock)
let leases = new Leases(store, clock, {}, () => {})
beforeEach(() => {
  clock = new FakeClock()
  store = new MemoryStore(clock)
  leases = new Leases(store, clock, {}, () => {})
})

describeInbox('in memory', () => ({
  inbox: store,
  age: async (ms) => await clock.advance(ms),
  rescue: (owner) => Promise.resolve(leases.release(owner)),
  instances: {
    renew: (owner, isDraining) => Promise.resolve(leases.renew(owner, isDraining)),
    lapse: (owner) => Promise.resolve(leases.lapse(owner)),
    rescue: () => Promise.resolve(leases.rescue('nobody')),
  },
}))
