import { describe, expect, it } from 'vitest'
import { entryOf } from '../../../src/simulator/history/history.ts'
import { SOON_MS, startSimulator } from '../../support/simulator.ts'
import { endOf, openConnection } from '../../support/bot.ts'

describe('a connection', () => {
  it('opens once and reports every pong', async () => {
    const { simulator, url, app } = await startSimulator()
    const { reports } = openConnection(url, app)
    await simulator.once(entryOf('connection_ready'), SOON_MS)
    await reports.until(() => reports.items.filter(({ kind }) => kind === 'ponged').length >= 3)
    expect(reports.items.filter(({ kind }) => kind === 'opened')).toHaveLength(1)
    expect(reports.items.filter(({ kind }) => kind === 'ended')).toEqual([])
  })

  it('outlives the deadline of its attempt', async () => {
    const { url, app } = await startSimulator()
    const { reports } = openConnection(url, app, { attemptTimeoutMs: 250 })
    await reports.until(() => reports.items.filter(({ kind }) => kind === 'ponged').length >= 10)
    expect(reports.items.filter(({ kind }) => kind === 'ended')).toEqual([])
  })

  it('keeps the ticket and the secret out of the log', async () => {
    const { simulator, url, app } = await startSimulator()
    const canary = { ...app, appSecret: 'canary-secret' }
    const refused = openConnection(url, canary)
    const trouble = await endOf(refused.reports)
    const { logs, reports } = openConnection(url, app)
    await reports.next(({ kind }) => kind === 'ponged')
    simulator.closeConnections(app.appId, { mode: 'reset' })
    await endOf(reports)
    const text = JSON.stringify([logs, refused.logs, trouble])
    expect(text).not.toContain('canary-secret')
    expect(text).not.toMatch(/(ticket|access_key)=(?!\*\*\*)/)
    expect(logs.length).toBeGreaterThan(0)
  })
})
