import type { NewReply, SettledReply } from '../../src/store/store.ts'
import type { EventRow, MemoryStore, ReplyRow } from './memory-store.ts'
import type { Ports } from './planted-bugs.ts'

export function dedupesInMemory({ inbox, send }: Ports, _store: MemoryStore, owner: string): Ports {
  const known = new Set<string>()
  return {
    send,
    inbox: {
      ...inbox,
      async accept(events) {
        const fresh = events.filter(({ event }) => !known.has(event.dedupeKey))
        const ids = await inbox.accept(
          fresh.map(({ event, ...rest }) => ({
            ...rest,
            event: { ...event, dedupeKey: `${event.dedupeKey}~${owner}` },
          })),
        )
        for (const { event } of fresh) known.add(event.dedupeKey)
        return events.map((event) => ids[fresh.indexOf(event)] ?? { id: 0, duplicate: true })
      },
    },
  }
}

export function sendsWithoutUuid({ inbox, send }: Ports, _store: MemoryStore, owner: string): Ports {
  let count = 0
  return { inbox, send: (botId, reply) => send(botId, { ...reply, uuid: `${owner}-${count++}` }) }
}

export function oneUuidForAllParts({ inbox, send }: Ports): Ports {
  return { inbox, send: (botId, reply) => send(botId, { ...reply, uuid: reply.messageId ?? '' }) }
}

export function sendsBeforeCommit({ inbox, send }: Ports, store: MemoryStore): Ports {
  const sendAll = async (botId: string, replies: readonly NewReply[]): Promise<void> => {
    for (const reply of replies) await send(botId, reply).catch(() => {})
  }
  return {
    send,
    inbox: {
      ...inbox,
      async finish(finished) {
        for (const { id, result } of finished) {
          const botId = store.rows.find((row) => row.id === id)?.botId ?? ''
          if (result.kind === 'completed') await sendAll(botId, result.replies)
        }
        return inbox.finish(finished)
      },
    },
  }
}

export function settlesBeforeSend({ inbox, send }: Ports, store: MemoryStore, owner: string): Ports {
  const settled = new Set<ReplyRow>()
  return {
    async send(botId, reply) {
      const found = find(store, ({ uuid }) => uuid === reply.uuid)
      if (found !== undefined && !settled.has(found.reply)) {
        const { row, reply: stored } = found
        const fence = { owner, epoch: stored.epoch ?? 0 }
        const result = { kind: 'sent', messageId: 'om_soon' } as const
        const [isHeld] = await inbox.settle([{ eventId: row.id, part: stored.part, fence, result }])
        if (isHeld === true) settled.add(stored)
      }
      return send(botId, reply)
    },
    inbox: {
      ...inbox,
      async settle(items) {
        const open = items.filter((item) => !settled.has(replyOf(store, item)))
        const held = open.length === 0 ? [] : await inbox.settle(open)
        return items.map((item) => held[open.indexOf(item)] ?? true)
      },
    },
  }
}

/** Believes that what was not confirmed did not happen. */
export function resendsAfterLostAnswer({ inbox, send }: Ports, store: MemoryStore): Ports {
  return {
    send,
    inbox: {
      ...inbox,
      async settle(items) {
        try {
          return await inbox.settle(items)
        } catch (thrown) {
          for (const item of items) {
            const { replies } = store.rows.find(({ id }) => id === item.eventId) ?? { replies: [] }
            const reply = replies[item.part]
            if (reply?.state !== 'sent') continue
            replies[item.part] = { ...reply, state: 'pending', uuid: `${reply.uuid}+` }
          }
          throw thrown
        }
      },
    },
  }
}

/** Trusts the uuid for ever. */
export function forgetsUnknownOutcomes({ inbox, send }: Ports): Ports {
  return {
    send,
    inbox: {
      ...inbox,
      async claim(claim) {
        const { items, nextDueMs } = await inbox.claim(claim)
        const forgetful = items.map((item) =>
          item.kind === 'event'
            ? item
            : { ...item, replies: item.replies.map((reply) => ({ ...reply, unknownAttempts: 0 })) },
        )
        return { items: forgetful, nextDueMs }
      },
    },
  }
}

export function completesReleased({ inbox, send }: Ports): Ports {
  return {
    send,
    inbox: {
      ...inbox,
      finish: (finished) =>
        inbox.finish(
          finished.map((item) =>
            item.result.kind === 'released' ? { ...item, result: { kind: 'completed', replies: [] } } : item,
          ),
        ),
    },
  }
}

function find(
  store: MemoryStore,
  isMeant: (reply: ReplyRow) => boolean,
): { readonly row: EventRow; readonly reply: ReplyRow } | undefined {
  for (const row of store.rows) {
    const reply = row.replies.find(isMeant)
    if (reply !== undefined) return { row, reply }
  }
  return undefined
}

function replyOf(store: MemoryStore, { eventId, part }: SettledReply): ReplyRow {
  const reply = store.rows.find(({ id }) => id === eventId)?.replies[part]
  if (reply === undefined) throw new Error('nobody settles what was not stored')
  return reply
}
