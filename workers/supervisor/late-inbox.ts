import { FeishuSupervisorError } from '../../src/core/errors.ts'
import type { InboxStore, Store } from '../../src/store/store.ts'

/** An inbox that may be used before its store is open: until then every call says STORE_UNAVAILABLE, as it does when the database goes away later. */
export function lateInbox(current: () => Store | undefined): InboxStore {
  const inbox = (): InboxStore => {
    const store = current()
    if (store === undefined) throw new FeishuSupervisorError('STORE_UNAVAILABLE', 'the database is not open yet')
    return store.inbox
  }
  return {
    accept: async (events) => await inbox().accept(events),
    claim: async (claim) => await inbox().claim(claim),
    claimEvent: async (claim) => await inbox().claimEvent(claim),
    finish: async (finished) => await inbox().finish(finished),
    settle: async (settled) => await inbox().settle(settled),
    deadLetters: async (page) => await inbox().deadLetters(page),
    resubmit: async (letter) => await inbox().resubmit(letter),
    prune: async (query) => await inbox().prune(query),
    summary: async () => await inbox().summary(),
  }
}
