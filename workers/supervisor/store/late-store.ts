import { errorText, FeishuSupervisorError } from '../../../src/core/errors.ts'
import type { Logger } from '../../../src/core/log/logger.ts'
import type { Store } from '../../../src/store/store.ts'

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

  /** Whatever a call is given goes on: one that left out an argument would still do something. */
  function late<Part extends 'inbox' | 'replies'>(part: Part, kinds: Record<keyof Store[Part], true>): Store[Part] {
    const calls = Object.keys(kinds).map((kind) => {
      const through = (...args: unknown[]): Promise<unknown> =>
        call(kind, (store) => (store[part] as unknown as Calls)[kind]?.(...args) as Promise<unknown>)
      return [kind, through]
    })
    return Object.fromEntries(calls) as Store[Part]
  }

  return { inbox: late('inbox', INBOX), replies: late('replies', REPLIES) }
}

type Calls = Readonly<Record<string, (...args: unknown[]) => unknown>>

const INBOX: Record<keyof Store['inbox'], true> = {
  accept: true,
  claim: true,
  claimEvent: true,
  finish: true,
  settle: true,
  deadLetters: true,
  resubmit: true,
  prune: true,
  summary: true,
}

const REPLIES: Record<keyof Store['replies'], true> = {
  putUpload: true,
  upload: true,
  dropUploads: true,
  stream: true,
  closeStreams: true,
}
