import { errorText, FeishuSupervisorError } from '../../../src/core/errors.ts'
import type { Logger } from '../../../src/core/log/logger.ts'
import type { Store } from '../../../src/store/store.ts'

/**
 * Inbox and reply store that can be used before the store is open. Until then every call rejects with
 * `STORE_UNAVAILABLE`, as it does when the database goes away later.
 *
 * The callers retry without logging, so this proxy logs: once when a kind of call begins to fail, and once when it
 * works again.
 */
export function storeProxy(current: () => Store | undefined, log: Logger): Pick<Store, 'inbox' | 'replies'> {
  const failing = new Set<string>()

  async function call<T>(kind: string, run: (store: Store) => Promise<T>): Promise<T> {
    const store = current()
    if (store === undefined) throw new FeishuSupervisorError('STORE_UNAVAILABLE', 'the database is not open yet')
    try {
      const answer = await run(store)
      if (failing.delete(kind)) log.info(`database call "${kind}" works again`)
      return answer
    } catch (thrown) {
      if (!failing.has(kind)) log.error(`database call "${kind}" fails: ${errorText(thrown)}`)
      failing.add(kind)
      throw thrown
    }
  }

  // Forwards all arguments, so that a new optional argument cannot be dropped here.
  return {
    inbox: {
      accept: (...args) => call('accept', ({ inbox }) => inbox.accept(...args)),
      claim: (...args) => call('claim', ({ inbox }) => inbox.claim(...args)),
      claimEvent: (...args) => call('claimEvent', ({ inbox }) => inbox.claimEvent(...args)),
      finish: (...args) => call('finish', ({ inbox }) => inbox.finish(...args)),
      settle: (...args) => call('settle', ({ inbox }) => inbox.settle(...args)),
      deadLetters: (...args) => call('deadLetters', ({ inbox }) => inbox.deadLetters(...args)),
      resubmit: (...args) => call('resubmit', ({ inbox }) => inbox.resubmit(...args)),
      prune: (...args) => call('prune', ({ inbox }) => inbox.prune(...args)),
      summary: (...args) => call('summary', ({ inbox }) => inbox.summary(...args)),
    },
    replies: {
      putUpload: (...args) => call('putUpload', ({ replies }) => replies.putUpload(...args)),
      upload: (...args) => call('upload', ({ replies }) => replies.upload(...args)),
      dropUploads: (...args) => call('dropUploads', ({ replies }) => replies.dropUploads(...args)),
      stream: (...args) => call('stream', ({ replies }) => replies.stream(...args)),
      closeStreams: (...args) => call('closeStreams', ({ replies }) => replies.closeStreams(...args)),
    },
  }
}
