import { availableParallelism, totalmem } from 'node:os'
import { resolve } from 'node:path'
import { z } from 'zod'
import type { BackoffPolicy } from '../core/time/backoff.ts'
import { validated } from '../core/validated.ts'
import { isWebhookSecret } from '../core/webhook-secret.ts'
import type { HandlerTable } from '../handlers/handler-table.ts'
import { answersOption } from './answers.ts'
import { readCertificates } from './certificates.ts'
import { handlerOption, handlersOption, resolveHandlers } from './handlers.ts'
import type { Authorize } from '../protocol/model/access.ts'
import type { BotSource } from '../protocol/model/bot-source.ts'
import { HANDLER_NAME } from '../protocol/chat.ts'
import type { AlertOptions, ResolvedOptions } from '../protocol/host.ts'

const ms = z.int().min(0).max(2_147_483_647)
/** Ten years. */
const MAX_RETENTION_MS = 315_360_000_000
const count = z.int().min(1)

const FEISHU_DOMAINS = ['https://open.feishu.cn', 'https://open.larksuite.com']

const backoff = (defaults: BackoffPolicy) =>
  z
    .strictObject({
      /** Delay before the first retry. */
      firstMs: ms.default(defaults.firstMs),
      /** No delay is longer. */
      maxMs: ms.default(defaults.maxMs),
      /** Each delay is this many times the one before. */
      factor: z.number().min(1).max(10).default(defaults.factor),
      /** Largest share of a delay added or taken away at random, 0 to 1. */
      jitter: z.number().min(0).max(1).default(defaults.jitter),
    })
    .prefault({})

const schema = z.strictObject({
  /** PostgreSQL URL. Without it an embedded PGlite keeps everything in `dataDir`. */
  databaseUrl: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'expected postgres://user:password@host:port/database')
    .optional(),
  /** Folder of the embedded database and of the generated key file; one process at a time. Default `./data`. */
  dataDir: z.string().min(1).default('./data'),
  /** 32 bytes in base64 that seal the app secrets. Without it a key file is made in `dataDir`. */
  masterKey: z.string().optional(),
  /**
   * Who answers: the built-in `echo`; `http` or `openai` with their options; the path of a module whose default export is a handler, which runs in the chat
   * pool; or a function, or an object of functions, which runs on your own thread and is not isolated. Default `echo`.
   */
  handler: handlerOption.default('echo'),
  /** More of them by name, for bots that name one (`addBot({ handler })`). */
  handlers: handlersOption.default({}),
  /** Credentials of handlers (`ctx.secret(name)`), at least 8 characters each. They reach every thread that runs handlers, and no log. */
  secrets: z
    .record(
      z.string().regex(HANDLER_NAME, 'a name is 1 to 64 letters, digits, _ or -'),
      z.string().min(8, 'expected at least 8 characters'),
    )
    .default({}),
  /** Most long connections of this instance; further bots wait, visibly. Default 10. */
  maxConnections: count.max(1000).default(10),
  /** Time for the messages in flight when stopping; then they are given back and answered after the next start. Default 10 000. */
  shutdownGraceMs: ms.default(10_000),
  /** A bearer token (at least 32 characters) of an admin for the HTTP API; more are made with `createToken`. */
  apiToken: z.string().min(32).optional(),
  /** Alerts are posted there, signed as Standard Webhooks (standardwebhooks.com) says. Default: nowhere; event `alert` tells them all the same. */
  alerts: z
    .strictObject({
      url: z.url({ protocol: /^https?$/, error: 'expected the URL of a webhook' }),
      /** `whsec_` and 24 to 64 bytes in base64. */
      secret: z.string().refine(isWebhookSecret, 'expected whsec_ followed by 24 to 64 bytes in base64'),
    })
    .optional(),
  /** Your own check instead of tokens: who asks, or null for a stranger. Runs on your thread for every request. */
  authorize: z.custom<Authorize>((value) => typeof value === 'function', 'expected a function of a Request').optional(),
  /** Your own table of bots instead of ours: see docs/bot-source.md. Runs on your thread. */
  botSource: z.custom<BotSource>(isBotSource, 'expected an object with the functions list, get and watch').optional(),
  /** Names (without port) under which the HTTP API may be asked; others are refused, so that no page of another name reaches it. Default: any. */
  allowedHosts: z.array(z.string().min(1).toLowerCase()).optional(),
  /** Origins that bots may be pointed at through the HTTP API, besides Feishu's and Lark's own; app secrets go there. Default none. */
  allowedDomains: z
    .array(z.url({ protocol: /^https?$/, error: 'expected an origin such as https://open.feishu.cn' }))
    .default([])
    .transform((urls) => [...FEISHU_DOMAINS, ...urls.map((url) => new URL(url).origin)]),
  /** How bot workers and the supervisor thread are restarted. */
  supervision: z
    .strictObject({
      limit: z
        .strictObject({
          /** More restarts than this within `periodMs` park the bot as failed. Default 5. */
          intensity: count.default(5),
          /** Default 60 000. */
          periodMs: ms.default(60_000),
        })
        .prefault({}),
      /** From the second restart in a row. Default 500 ms x2 to 30 s. */
      backoff: backoff({ firstMs: 500, maxMs: 30_000, factor: 2, jitter: 0.2 }),
      /** A run this long starts the backoff anew. Default 60 000. */
      stableAfterMs: ms.default(60_000),
      /** A worker that is not ready by then is killed. Default 15 000. */
      startTimeoutMs: ms.default(15_000),
      /** Each thread shows this often that its event loop turns. Default 1 000. */
      heartbeatMs: ms.min(10).default(1_000),
      /** A thread that computes without showing it for so long is replaced (reason `hung`); at least twice `heartbeatMs`. Default 10 000. */
      hangAfterMs: ms.default(10_000),
      /** A bot worker that uses more memory, heap and buffers together, ends itself (reason `out_of_memory`), megabytes. V8's own limit is three times as high. Default 128. */
      memoryMb: count.min(32).max(16_384).default(128),
    })
    .refine(({ heartbeatMs, hangAfterMs }) => hangAfterMs >= 2 * heartbeatMs, {
      path: ['hangAfterMs'],
      error: 'must be at least twice heartbeatMs',
    })
    .prefault({}),
  /** When the whole instance is in trouble, which is an `alert`; 0 turns a limit off. */
  watch: z
    .strictObject({
      /** The instance is looked at this often. Default 10 000. */
      everyMs: ms.min(10).default(10_000),
      /** Memory of the whole process, the host's own included, megabytes. Default 80 % of what the machine or its container has. */
      memoryMb: z.int().min(0).default(memoryWatermarkMb),
      /** Age of the oldest event that is not answered. Default 600 000. */
      oldestAgeMs: ms.default(600_000),
      /** So many events and replies given up within a period. Default 10 in 600 000 ms. */
      deadLetters: z
        .strictObject({ count: z.int().min(0).default(10), periodMs: ms.min(1_000).default(600_000) })
        .prefault({}),
    })
    .prefault({}),
  /** How bots connect, acknowledge and send. */
  connection: z
    .strictObject({
      /** Limit of one attempt: discovery and handshake together. Default 20 000. */
      attemptTimeoutMs: ms.default(20_000),
      /** Fast retries. Default 1 s x2 to 60 s. */
      backoff: backoff({ firstMs: 1_000, maxMs: 60_000, factor: 2, jitter: 0.2 }),
      /** After so many failed attempts the bot shows `error` and goes on at the slowest pace. Default 5. */
      fastAttempts: count.default(5),
      /** Stop there, and at refused credentials, until somebody asks for a connection or changes the credentials. Default false: tried for ever. */
      giveUp: z.boolean().default(false),
      /** Wait after an error of Feishu's own servers. Default 30 000. */
      serverErrorDelayMs: ms.default(30_000),
      /** Wait after Feishu's "too many connections". Default 300 000. */
      limitDelayMs: ms.default(300_000),
      /** Wait after refused credentials, unless they change before. Default 1 800 000. */
      credentialsDelayMs: ms.default(1_800_000),
      /** A connection that lived this long starts a new count of failed attempts. Default 10 000. */
      stableAfterMs: ms.default(10_000),
      /** Longest silence after a ping; Feishu orders one every 90 or 120 s. Default 15 000. */
      pongTimeoutMs: ms.min(1).default(15_000),
      /** The shortest pause between pings that the gateway can order. Default 1 000. */
      minPingIntervalMs: ms.min(10).default(1_000),
      /** The longest, and what stands where the gateway orders none. Default 120 000. */
      maxPingIntervalMs: ms.min(10).default(120_000),
      /**
       * How often Feishu is asked how many connections of the app it sees: none although the bot is connected makes
       * it connect anew, more than its own is reported. 0: never. Default 300 000.
       */
      presenceCheckMs: ms.default(300_000),
      /** A connection of this age is replaced by a fresh one, without a gap where `maxConnections` allows it. Default 0: never. */
      rotateEveryMs: ms.default(0),
      /** HTTP proxy for REST calls and long connections alike, `http://user:password@host:port` or `https://…`. Default: none. */
      proxy: z
        .url({ protocol: /^https?$/, error: 'expected the URL of an HTTP proxy such as http://proxy.example:3128' })
        .optional(),
      /** Hosts that are reached without the proxy, with their subdomains; `host:port` and `*` too. Loopback always is. Default: none. */
      noProxy: z.array(z.string().min(1)).default([]),
      /** File of PEM certificates that are trusted beside Node's own, e.g. of a proxy that looks into TLS. Default: none. */
      caFile: z.string().min(1).optional(),
      /** An event not stored by then is refused and redelivered; Feishu itself allows 3 000. Default 2 500. */
      acceptTimeoutMs: ms.max(2_900).default(2_500),
      /** Events of one bot that may wait for storage at a time. Default 512. */
      creditWindow: count.default(512),
      /** Largest event that is handled, bytes; a bigger one becomes a dead letter of its first 4 KiB. Default 1 MiB. */
      maxPayloadBytes: count.max(67_108_864).default(1_048_576),
      /** What a press on a card shows when it could not be taken or can never be handled. Default `This did not work. Please try again.`. */
      cardFailedText: z.string().min(1).default('This did not work. Please try again.'),
      /** Limit of one REST call. Default 10 000. */
      sendTimeoutMs: ms.min(1).default(10_000),
    })
    .prefault({}),
  /** How messages are handled. */
  messages: z
    .strictObject({
      /** Threads of the chat pool; one bot uses all but one of them. Default: as many as processors, 4 to 8: handlers wait more than they compute. */
      threads: count.max(64).default(() => Math.min(8, Math.max(4, availableParallelism()))),
      /** A thread of the pool that uses more memory, heap and Buffers together, is replaced, megabytes. V8's own limit is three times as high. Default 256. */
      threadMemoryMb: count.min(32).max(16_384).default(256),
      /** A thread of the pool is replaced after so many runs. Default 10 000. */
      threadMaxTasks: count.default(10_000),
      /** Limit of one run of a handler, from the moment it is handed over; then its thread is replaced and the message retried. Default 60 000. */
      handlerTimeoutMs: ms.min(1).default(60_000),
      /** Runs of handlers on your own thread at a time; one bot uses all but one of them, several half each. Default 32. */
      hostRuns: count.max(1_000).default(32),
      /** Runs of the handler before a message becomes a dead letter. Default 5. */
      maxAttempts: count.default(5),
      /** Waits between them. Default 1 s x2 to 5 min. */
      backoff: backoff({ firstMs: 1_000, maxMs: 300_000, factor: 2, jitter: 0.2 }),
      /** Sends of a reply before it becomes a dead letter; the default keeps trying for about an hour. Default 70. */
      maxReplyAttempts: count.default(70),
      /** Waits between them. Default 500 ms x2 to 60 s. */
      replyBackoff: backoff({ firstMs: 500, maxMs: 60_000, factor: 2, jitter: 0.2 }),
      /** Messages that may go to one chat in any second, from all bots together; Feishu allows 5. Default 5. */
      repliesPerChatPerSecond: count.default(5),
      /** Messages that one bot may send in any second; Feishu allows 50. Default 50. */
      repliesPerBotPerSecond: count.default(50),
      /**
       * A message older than this at its first run becomes a dead letter instead; 0: never. Default 12 h, above
       * the about 7 h after which Feishu makes its last redelivery.
       */
      maxAgeMs: ms.default(43_200_000),
      /** Events of one bot that may begin per second in the long run; more are stored and begin later. Default 50. */
      inboundPerSecond: count.default(50),
      /** Events above that which begin at once. Default 200. */
      inboundBurst: count.default(200),
      /** Which messages are answered, by bots that set nothing else (`addBot({ policy })`). */
      answers: answersOption,
      /** How long finished events are kept; dead letters stay. Default and least 24 h: Feishu redelivers for about 7 h, and a redelivery must be known as one. */
      retentionMs: z.int().min(86_400_000).max(MAX_RETENTION_MS).default(86_400_000),
      /** What a press on a card shows when the handler takes longer than Feishu waits. Default `Working on it…`. */
      cardPendingText: z.string().min(1).default('Working on it…'),
      /** How long this instance's claims outlive it if it dies without a word. Default 15 000. */
      leaseMs: ms.min(1_000).default(15_000),
    })
    .prefault({}),
})

/** Options of `createFeishuSupervisor`; all are optional. */
export type FeishuSupervisorOptions = z.input<typeof schema>

/** The host keeps the API token and the webhook of alerts to itself; the rest crosses into the supervisor thread. */
export interface HostOptions {
  readonly thread: ResolvedOptions
  /** Handlers that are functions, by name. */
  readonly handlerTables: ReadonlyMap<string, HandlerTable>
  readonly apiToken: string | undefined
  readonly alerts: AlertOptions | undefined
  readonly authorize: Authorize | undefined
  readonly botSource: BotSource | undefined
  readonly allowedDomains: readonly string[]
  readonly allowedHosts: readonly string[] | undefined
}

/** Throws `CONFIG_INVALID` with one line per mistake: the field, what is wrong with it, what is expected. */
export function resolveOptions(options: FeishuSupervisorOptions = {}): HostOptions {
  const {
    apiToken,
    authorize,
    botSource,
    allowedHosts,
    allowedDomains,
    alerts,
    dataDir,
    handler,
    handlers,
    connection,
    ...rest
  } = validated(schema.safeParse(options))
  const { caFile, ...connects } = connection
  const ca = caFile === undefined ? {} : { ca: readCertificates(caFile) }
  const { proxy, noProxy } = connects
  const { refs, tables } = resolveHandlers(handler, handlers, {
    secrets: rest.secrets,
    network: { proxy, noProxy, ...ca },
  })
  return {
    apiToken,
    authorize,
    botSource,
    allowedHosts,
    allowedDomains,
    alerts,
    handlerTables: tables,
    thread: {
      ...rest,
      dataDir: resolve(dataDir),
      handlers: refs,
      connection: { ...connects, ...ca },
    },
  }
}

function memoryWatermarkMb(): number {
  // 0, or more than there is, where no container sets a limit.
  const bytes = Math.min(process.constrainedMemory() || Infinity, totalmem())
  return Math.round((0.8 * bytes) / 1_048_576)
}

function isBotSource(value: unknown): boolean {
  const source = Object(value)
  return ['list', 'get', 'watch'].every((name) => typeof source[name] === 'function')
}
