import { expect, it } from 'vitest'
import { systemClock } from '../../../src/core/time/clock.ts'
import { createLogger } from '../../../src/core/log/logger.ts'
import { resolveOptions } from '../../../src/options/options.ts'
import type { BotBoot } from '../../../src/protocol/boot.ts'
import type { ConnectionStatus } from '../../../src/protocol/model/status.ts'
import { entryOf } from '../../../src/simulator/history/history.ts'
import { Http } from '../../../workers/bot/http/http.ts'
import { Egress } from '../../../workers/bot/http/egress.ts'
import { Session } from '../../../workers/bot/connection/session.ts'
import { settle } from '../../support/fake-clock.ts'
import { closeLater, SOON_MS, startSimulator } from '../../support/simulator.ts'
import { Recorder } from '../../support/recorder.ts'
import { openEventRelay } from '../../support/bot.ts'

/** A session whose events wait for the test. */
async function connectedSession() {
  const { simulator, url, app } = await startSimulator()
  const { eventRelay, delivered } = openEventRelay()
  const statuses = new Recorder<ConnectionStatus>()
  const http = new Http(5_000)
  const { connection } = resolveOptions({ connection: { minPingIntervalMs: 50 } }).thread
  const session = new Session({
    boot: { botId: 'b1', appId: app.appId, appSecret: app.appSecret, domain: url, connection } as BotBoot,
    credentials: { appId: app.appId, appSecret: app.appSecret },
    eventRelay,
    http,
    egress: new Egress(),
    logger: createLogger('test', () => {}),
    clock: systemClock,
    random: () => 0.5,
    onlineCount: async () => 1,
    report: statuses.add,
  })
  closeLater(async () => {
    await session.drain(0)
    http.close()
  })
  await session.connect()
  await statuses.next(({ lastPongAt }) => lastPongAt !== undefined)
  const write = () => simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
  const kinds = () => simulator.history.entries.map(({ kind }) => kind)
  return { simulator, app, session, eventRelay, delivered, statuses, write, kinds }
}

it.each([
  { what: 'drains', fresh: 1, end: (session: Session) => session.drain(SOON_MS) },
  { what: 'replaces its connection', fresh: 1, end: (session: Session) => session.rotate(false) },
  { what: 'replaces its connection with an overlap', fresh: 2, end: (session: Session) => session.rotate(true) },
])('a session that $what first acknowledges what is being stored', async ({ fresh, end }) => {
  const { simulator, session, eventRelay, delivered, write, kinds } = await connectedSession()
  write()
  const { id } = await delivered.next()
  const ended = end(session)
  await simulator.once(() => kinds().filter((kind) => kind === 'connection_ready').length === fresh, SOON_MS)
  // Whoever does not wait has closed by then.
  for (let turn = 0; turn < 10; turn += 1) await settle()
  eventRelay.accepted(id)
  await ended
  await simulator.once(entryOf('connection_closed'), SOON_MS)
  const order = kinds().filter((kind) => kind === 'acked' || kind === 'connection_closed')
  expect(order).toEqual(['acked', 'connection_closed'])
  expect(simulator.history.entries.find(entryOf('acked'))).toMatchObject({ code: 200, late: false })
})
