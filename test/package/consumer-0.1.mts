// A host written for 0.1, without the options and methods that 0.2 renamed (CHANGELOG.md lists them): it still compiles.
import {
  type Alert,
  type AlertKind,
  type AnswerPolicy,
  type Authorize,
  type BotLimits,
  type BotPolicy,
  type BotSource,
  type BotStatus,
  type BotWriter,
  type CardActionHandler,
  type CardReply,
  type CardResponse,
  type ChatContext,
  type ChatHandler,
  type ChatHandlers,
  type ConnectionStatus,
  createFeishuSupervisor,
  type DeadLetter,
  type DeadLetterId,
  defineHandler,
  defineHandlers,
  ERROR_CODES,
  type ErrorCode,
  type EventMap,
  type FeishuSupervisor,
  FeishuSupervisorError,
  type FeishuSupervisorOptions,
  type HistoryMessage,
  type InboundMessage,
  type LogLevel,
  type MessageEvent,
  type Principal,
  type Reply,
  type RestartEvent,
  type SourceBot,
  type SourceRecord,
  type StreamOptions,
  type SupervisorStatus,
} from 'feishu-supervisor'

const rows: SourceBot[] = [{ id: 1, appId: 'cli_0123456789abcdef', appSecret: 'x', useWebSocket: true }]
const botSource: BotSource = {
  list: () => rows,
  get: (id) => rows.find((row) => String(row.id) === id) ?? null,
  watch: (_changed) => () => {},
  record: async (_id: string, _record: SourceRecord) => {},
  writer: { add: () => 1, update: () => {}, remove: () => {} } satisfies BotWriter,
}
const message: ChatHandler = defineHandler(async (event: InboundMessage, ctx: ChatContext) => {
  const past: readonly HistoryMessage[] = await ctx.history(20)
  const reply: Reply = { markdown: `${past.length} ${event.text}` }
  const streaming: StreamOptions = { placeholder: 'wait' }
  if (ctx.attempt > 1)
    await ctx.stream(
      (async function* () {
        yield ctx.secret('backend')
      })(),
      streaming,
    )
  await ctx.reply(reply)
  await ctx.reply({ card: { schema: '2.0' } } satisfies CardReply)
})
const cardAction: CardActionHandler = (): CardResponse => ({ toast: { type: 'success', content: 'done' } })
const handlers: ChatHandlers = defineHandlers({ message, cardAction })
const authorize: Authorize = (): Principal => ({ id: '1', owner: 'ann', role: 'user', scopes: ['read'] })
const options: FeishuSupervisorOptions = {
  databaseUrl: 'postgres://a:b@localhost/c',
  dataDir: './data',
  handler: './answer.mjs',
  handlers: { cards: handlers, smart: { builtIn: 'openai', model: 'small', apiKey: 'backend' } },
  secrets: { backend: 'long enough' },
  maxConnections: 3,
  alerts: { url: 'https://hooks.example', secret: 'whsec_x' },
  authorize,
  botSource,
  allowedHosts: ['bots.example'],
  supervision: { limit: { intensity: 3 }, backoff: { firstMs: 1 }, hangAfterMs: 5_000 },
  connection: { giveUp: true, backoff: { maxMs: 5 }, noProxy: ['a.example'] },
  messages: { threads: 2, maxAttempts: 3, replyBackoff: { jitter: 0 } },
}
const supervisor: FeishuSupervisor = createFeishuSupervisor(options)
supervisor.on('alert', ({ kind }: Alert) => kind satisfies AlertKind)
supervisor.on('restart', (event: RestartEvent) => event.reason)
supervisor.on('message', (event: MessageEvent) => event.stage)
supervisor.on('log', ({ level }: EventMap['log']) => level satisfies LogLevel)
await supervisor.start()
const limits: BotLimits = { inboundPerSecond: 5 }
const policy: BotPolicy & Partial<AnswerPolicy> = { groups: 'all' }
const { id } = await supervisor.addBot({
  appId: 'cli_0123456789abcdef',
  appSecret: 'x',
  limits,
  policy,
  useWebSocket: true,
})
await supervisor.updateBot(id, { limits: { maxAgeMs: null }, enabled: false })
await supervisor.restartBot(id)
await supervisor.removeBot(id)
const status: SupervisorStatus = await supervisor.status()
const [bot]: readonly BotStatus[] = status.bots
const connection: ConnectionStatus | undefined = bot?.connection
const { items, total } = await supervisor.listMessages({ botIds: null, limit: 10, offset: 0 })
await supervisor.getMessage(items[0]?.eventId ?? total)
const letter: DeadLetterId = { eventId: 1 }
await supervisor.resubmit(letter)
const { record, token } = await supervisor.createToken({ owner: 'ann', role: 'admin', expiresInDays: null })
await supervisor.revokeToken(record.id)
await supervisor.listTokens()
await supervisor.rotateKeys()
await supervisor.auditLog({ limit: 10, offset: 0 })
await supervisor.diagnose()
await supervisor.fetch(new Request('http://localhost/readyz', { headers: { authorization: token } }))
const code: ErrorCode = 'BOT_NOT_FOUND'
const error: Error = new FeishuSupervisorError(code, `${ERROR_CODES[code].actor} ${connection?.state}`)
const described = (given: DeadLetter): string => `${given.reason} ${error.message}`
await supervisor.stop(0)
export { described }
