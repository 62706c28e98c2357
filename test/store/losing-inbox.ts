import type { Database } from '../../src/store/database/database.ts'
import { Inbox } from '../../src/store/inbox/inbox.ts'

/** An inbox; the next statement after `loseNext` is carried out but not answered. */
export function losingInbox(database: Database): { inbox: Inbox; loseNext: () => void } {
  let isLosing = false
  const inbox = new Inbox({
    async query(statement, values, doing) {
      const rows = await database.query(statement, values, doing)
      if (!isLosing) return rows as never
      isLosing = false
      throw new Error('Connection terminated unexpectedly')
    },
  })
  return { inbox, loseNext: () => (isLosing = true) }
}
