import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LogRecord } from '../../src/core/log/logger.ts'
import { judge } from '../support/judge.ts'
import { postgresOfFile } from '../support/postgres-of-file.ts'
import { Cleanups } from '../support/system.ts'
import { StatementProxy } from './statement-proxy.ts'
import { CLEAN, connectAdmin, entriesOf, Stage } from './support.ts'

const { postgres, describePostgres } = await postgresOfFile()
const cleanups = new Cleanups()
afterAll(cleanups.run)

describePostgres('one statement fails', () => {
  let stage: Stage
  let proxy: StatementProxy
  let admin: Client
  const logs: LogRecord[] = []

  beforeAll(async () => {
    admin = await connectAdmin(cleanups, postgres.url)
    const faulty = await StatementProxy.before(postgres.url)
    proxy = faulty.proxy
    cleanups.add(() => proxy.stop())
    stage = await Stage.open(cleanups, { databaseUrl: faulty.url })
    stage.supervisor.on('log', (record) => logs.push(record))
  })

  /** One run of the handler and one send, whatever the database did. */
  const ONCE = { ...CLEAN, rows: [{ runs: 1, sends: 1 }], shown: 1 }

  async function outcomeOf(messageId: string): Promise<object> {
    const history = await stage.allAnswered()
    const { rows } = await admin.query(
      `select i.attempt as runs, o.attempt as sends from feishu_inbox i join feishu_outbox o on o.inbox_id = i.id
       where i.dedupe_key = $1`,
      [`m:${messageId}`],
    )
    const shown = entriesOf(history, 'message_created').filter(({ replyTo }) => replyTo === messageId).length
    return { ...judge(history, (await stage.supervisor.listDeadLetters()).items), rows, shown }
  }

  it('a message into a chat that is known and idle is claimed as it is stored', async () => {
    for (let number = 1; number <= 20; number += 1) {
      await stage.say(`known ${number}`, 'oc_known')
      await stage.allDone()
    }
    const { rows } = await admin.query(
      `select count(*) filter (where claimed_at = received_at)::int as at_once from feishu_inbox where lane = 'oc_known'`,
    )
    // The first one makes the chat known; others may meet a look for what other instances left.
    expect(rows[0].at_once).toBeGreaterThan(10)
  })

  // A claim of its own is needed in a new chat only.
  it.each([
    { what: 'persist', statement: 'feishu_accept', chatId: 'oc_1' },
    { what: 'claim', statement: 'feishu_claim', chatId: 'oc_cut' },
    { what: 'complete', statement: 'feishu_finish', chatId: 'oc_1' },
    { what: 'mark as sent', statement: 'feishu_settle', chatId: 'oc_1' },
  ])('D4: a cut right after the commit of $what is an unknown outcome, and nothing is doubled', async (one) => {
    const cut = proxy.fail(one.statement, { kind: 'cut_after_commit' })
    const messageId = await stage.say(`cut ${one.what}`, one.chatId)
    await cut
    expect(await outcomeOf(messageId)).toMatchObject(ONCE)
  })

  // A conflict is tried five times before anybody hears of it; of Feishu's redeliveries there are four.
  describe.each([
    { sqlState: '40001', name: 'serialization failure', accepts: 6, others: 6 },
    { sqlState: '40P01', name: 'deadlock', accepts: 6, others: 6 },
    { sqlState: '53100', name: 'disk full', accepts: 2, others: 2 },
    { sqlState: '25006', name: 'read-only', accepts: 2, others: 2 },
  ])('D5: $sqlState ($name)', ({ sqlState, accepts, others }) => {
    it.each([
      { statement: 'feishu_accept', count: accepts },
      { statement: 'feishu_claim', count: others },
      { statement: 'feishu_finish', count: others },
      { statement: 'feishu_settle', count: others },
      { statement: 'feishu_renew', count: others },
      { statement: 'feishu_rescue', count: others },
    ])('of $statement is tried again, uses up no attempt, and is told', async ({ statement, count }) => {
      await stage.storeReady()
      logs.length = 0
      const refused = proxy.fail(statement, { kind: 'refuse', sqlState }, count)
      const messageId = await stage.say(`${sqlState} ${statement}`, `oc_${sqlState}_${statement}`)
      await refused
      expect(await outcomeOf(messageId)).toMatchObject(ONCE)
      await stage.storeReady()
      expect(logs.filter(({ level, message }) => level === 'error' && message.includes(sqlState))).toHaveLength(1)
    })
  })
})
