import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../src/core/time/clock.ts'
import { startBeating } from '../../src/core/lifecycle/heartbeat.ts'
import { createLogger } from '../../src/core/log/logger.ts'
import { RateGuard } from '../../src/core/time/rate-guard.ts'
import { enforceMemoryBudget } from '../../src/core/lifecycle/memory-budget.ts'
import type { BotBoot } from '../../src/protocol/boot.ts'
import type { BotControl } from '../../src/protocol/control.ts'
import { serveControl } from '../../src/protocol/control-channel.ts'
import type { Ack, DataDown, DataUp } from '../../src/protocol/data.ts'
import type { BotSignal } from '../../src/protocol/signal.ts'
import { ApiCalls } from './api/api-calls.ts'
import { CardCalls } from './send/card-calls.ts'
import { checkApp } from './check/check-app.ts'
import { checkBoot } from './check-boot.ts'
import { createFeishuApi } from './api/feishu-api.ts'
import { Http } from './http/http.ts'
import { Identity } from './api/identity.ts'
import { EventRelay } from './connection/event-relay.ts'
import { onlineCount } from './api/bot-info.ts'
import { Egress } from './http/egress.ts'
import { Sender } from './send/sender.ts'
import { Session } from './connection/session.ts'

/** Most log lines per second: each refused event logs a line, and thousands may be refused. */
const LOGS_PER_SECOND = 500

// Composes one bot. An error thrown from here on ends this thread only and reaches the supervisor as Node's `error` and
// `exit`.
const boot = workerData as BotBoot
const { incarnation, dataPort, controlPort } = boot
checkBoot(boot)
startBeating(boot.heartbeat)
enforceMemoryBudget(boot)

const signal = (notice: BotSignal): void => parentPort?.postMessage(notice)
let acks: Ack[] = []
const post = (frame: DataUp): void => {
  dataPort.postMessage(acks.length === 0 ? frame : { ...frame, acks })
  acks = []
}

// Limited on this side: the thread that serves all bots has to read every sent line.
const logs = new RateGuard(LOGS_PER_SECOND, systemClock)
const logger = createLogger(`bot/${boot.botId}`, (record) => {
  if (logs.take(1) === 'taken') signal({ kind: 'log', incarnation, record })
})
const egress = new Egress(boot.connection)
const http = new Http(boot.connection.sendTimeoutMs, egress)
const eventRelay = new EventRelay({
  acceptTimeoutMs: boot.connection.acceptTimeoutMs,
  creditWindow: boot.connection.creditWindow,
  maxPayloadBytes: boot.connection.maxPayloadBytes,
  cardFailedText: boot.connection.cardFailedText,
  deliver: (id, event) => post({ kind: 'deliver', incarnation, id, event }),
  acknowledged: (id) => acks.push({ id, at: systemClock.now() }),
  logger,
})
const credentials = { appId: boot.appId, appSecret: boot.appSecret }
const api = createFeishuApi({ credentials, domain: boot.domain, http, logger })
const calls = new ApiCalls(api)
const sender = new Sender(calls)
const cards = new CardCalls(calls)
const identity = new Identity({
  api,
  isKnown: boot.isIdentified,
  clock: systemClock,
  onIdentified: (openId) => signal({ kind: 'identified', incarnation, openId }),
})
const session = new Session({
  boot,
  credentials,
  eventRelay,
  http,
  egress,
  logger,
  clock: systemClock,
  random: Math.random,
  onlineCount: () => onlineCount(api),
  report: (status) => {
    signal({ kind: 'connection', incarnation, status })
    if (status.state === 'connected') void identity.ask()
  },
})

dataPort.on('message', (frame: DataDown) => {
  if (frame.incarnation !== incarnation) return
  if (frame.kind === 'accepted') eventRelay.accepted(frame.id, frame.response)
  if (frame.kind === 'refused') eventRelay.refused(frame.id, frame.error)
  if (frame.kind === 'send') {
    const { id } = frame
    void sender.send(frame.reply).then((outcome) => {
      post({ ...outcome, incarnation, id })
      // In webhook mode only a send shows that the credentials work.
      if (outcome.kind === 'sent') void identity.ask()
    })
  }
  if (frame.kind === 'call') {
    const { id } = frame
    void cards.call(frame.call).then((outcome) => post({ kind: 'called', incarnation, id, outcome }))
  }
})

const control: BotControl = {
  connect: () => session.connect(),
  reconfigure: (change) => session.reconfigure(change),
  rotate: (mayOverlap) => session.rotate(mayOverlap),
  drain: (graceMs) => session.drain(graceMs),
  check: (useWebSocket) =>
    checkApp(
      { credentials, domain: boot.domain, http, proxyTo: (url) => egress.proxyTo(url), now: systemClock.now },
      useWebSocket,
    ),
}
serveControl(controlPort, control)

signal({ kind: 'ready', incarnation })
