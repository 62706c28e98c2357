import { errorText, FeishuSupervisorError } from '../../src/core/errors.ts'
import type { Logger } from '../../src/core/logger.ts'
import type { Store } from '../../src/store/store.ts'

/**
 * The inbox and what belongs to it, which may be used before the store is open: until then every call says
 * STORE_UNAVAILABLE, as it does when the database goes away later.
 *
 * Its callers wait and try again without a word, so this is where it is told: once when a kind of call begins
 * to fail, and once when it works again.
 */
export function lateStore(current: () => Store | undefined, log: Logger): Pick<Store, 'inbox' | 'replies'> {
  const failing = new Set<string>()

  async function call<T>(kind: string, run: (store: Store) => Promise<T>): Promise<T> {
    const store = current()
    if (store === undefined) throw new FeishuSupervisorError('STORE_UNAVAILABLE', 'the database is not open yet')
    try {
      const answer = await run(store)
      if (failing.delete(kind)) log.info(`the inbox works again (${kind})`)
      return answer
    } catch (thrown) {
      if (!failing.has(kind)) log.error(`the inbox does not work (${kind}): ${errorText(thrown)}`)
      failing.add(kind)
      throw thrown
    }
  }

  return {
    inbox: {
      accept: (events) => call('accept', ({ inbox }) => inbox.accept(events)),
      claim: (claim) => call('claim', ({ inbox }) => inbox.claim(claim)),
      claimEvent: (claim) => call('claimEvent', ({ inbox }) => inbox.claimEvent(claim)),
      finish: (finished) => call('finish', ({ inbox }) => inbox.finish(finished)),
      settle: (settled) => call('settle', ({ inbox }) => inbox.settle(settled)),
      deadLetters: (page) => call('deadLetters', ({ inbox }) => inbox.deadLetters(page)),
      resubmit: (letter) => call('resubmit', ({ inbox }) => inbox.resubmit(letter)),
      prune: (query) => call('prune', ({ inbox }) => inbox.prune(query)),
      summary: () => call('summary', ({ inbox }) => inbox.summary()),
    },
    replies: {
      putUpload: (...upload) => call('putUpload', ({ replies }) => replies.putUpload(...upload)),
      upload: (...upload) => call('upload', ({ replies }) => replies.upload(...upload)),
      dropUploads: (eventId) => call('dropUploads', ({ replies }) => replies.dropUploads(eventId)),
      stream: (...learned) => call('stream', ({ replies }) => replies.stream(...learned)),
      streams: (eventId) => call('streams', ({ replies }) => replies.streams(eventId)),
    },
  }
}
