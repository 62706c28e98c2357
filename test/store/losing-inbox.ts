import type { Database } from '../../src/store/database/database.ts'
import { Inbox } from '../../src/store/inbox/inbox.ts'

/** An inbox whose next statement is carried out but not answered, or `unsent`: not carried out either. */
export function losingInbox(database: Database): { inbox: Inbox; loseNext: (how?: 'unanswered' | 'unsent') => void } {
  let next: 'answered' | 'unanswered' | 'unsent' = 'answered'
  const inbox = new Inbox({
    async query(statement, values, doing) {
      const how = next
      next = 'answered'
      const rows = how === 'unsent' ? [] : await database.query(statement, values, doing)
      if (how !== 'answered') throw new Error('Connection terminated unexpectedly')
      return rows as never
    },
  })
  return { inbox, loseNext: (how = 'unanswered') => (next = how) }
}
