import { resolve } from 'node:path'
import { z } from 'zod'
import { validated } from '../core/validation.ts'
import { isWebhookSecret } from './webhook-secret.ts'
import type { HandlerTable } from '../handlers/handler-table.ts'
import { HANDLER_NAME } from '../protocol/chat.ts'
import type { ResolvedOptions } from '../protocol/host.ts'
import type { Authorize, HandlerOwners } from '../protocol/model/access.ts'
import type { BotSource } from '../protocol/model/bot-source.ts'
import type { AlertOptions } from '../protocol/options/alert-options.ts'
import { readCertificates } from './certificates.ts'
import { connectionSchema } from './connection.ts'
import type { FeishuSupervisorOptions } from './feishu-supervisor-options.ts'
import { count, ms } from './fields.ts'
import { handlerOption, handlersOption, ownersOf, resolveHandlers } from './handlers.ts'
import { healthSchema } from './health.ts'
import { messagesSchema } from './messages.ts'
import { renamed } from './renamed.ts'
import type { Difference, Nothing } from './same.ts'
import { supervisionSchema } from './supervision.ts'

const FEISHU_DOMAINS = ['https://open.feishu.cn', 'https://open.larksuite.com']

const alertsSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'expected the URL of a webhook' }),
  secret: z.string().refine(isWebhookSecret, 'expected whsec_ followed by 24 to 64 bytes in base64'),
})

// The interfaces document each option, because users see them.
export const optionsSchema = z.strictObject(
  {
    databaseUrl: z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'expected postgres://user:password@host:port/database')
      .optional(),
    dataDir: z.string().min(1).default('./data'),
    masterKey: z.string().optional(),
    handler: handlerOption.default('echo'),
    handlers: handlersOption.default({}),
    secrets: z
      .record(
        z.string().regex(HANDLER_NAME, 'a name is 1 to 64 letters, digits, _ or -'),
        z.string().min(8, 'expected at least 8 characters'),
      )
      .default({}),
    maxConnections: count.max(1000).default(10),
    shutdownGraceMs: ms.default(10_000),
    apiToken: z.string().min(32).optional(),
    alerts: alertsSchema.optional(),
    authorize: z
      .custom<Authorize>((value) => typeof value === 'function', 'expected a function of a Request')
      .optional(),
    botSource: z.custom<BotSource>(isBotSource, 'expected an object with the functions list, get and watch').optional(),
    allowedHosts: z.array(z.string().min(1).toLowerCase()).optional(),
    allowedDomains: z
      .array(z.url({ protocol: /^https?$/, error: 'expected an origin such as https://open.feishu.cn' }))
      .default([])
      .transform((urls) => [...FEISHU_DOMAINS, ...urls.map((url) => new URL(url).origin)]),
    handlerOwners: z.record(z.string(), z.array(z.string().min(1))).default({}),
    supervision: supervisionSchema,
    health: healthSchema,
    connection: connectionSchema,
    messages: messagesSchema,
  },
  renamed({ watch: 'health' }),
)

export type OptionsAreDocumented = [
  Nothing<Difference<z.input<typeof optionsSchema>, FeishuSupervisorOptions>>,
  Nothing<Difference<z.input<typeof alertsSchema>, AlertOptions>>,
]

/** Checked options, split: `thread` is sent to the supervisor thread, the other fields stay on the host thread. */
export interface HostOptions {
  readonly thread: ResolvedOptions
  /** Handlers that are functions, by name. */
  readonly handlerTables: ReadonlyMap<string, HandlerTable>
  readonly apiToken: string | undefined
  readonly alerts: AlertOptions | undefined
  readonly authorize: Authorize | undefined
  readonly botSource: BotSource | undefined
  readonly allowedDomains: readonly string[]
  readonly handlerOwners: HandlerOwners
  readonly allowedHosts: readonly string[] | undefined
}

/** Checks the options and adds defaults. Throws `CONFIG_INVALID` with one line per mistake: field, problem, expected value. */
export function resolveOptions(options: FeishuSupervisorOptions = {}): HostOptions {
  const {
    apiToken,
    authorize,
    botSource,
    allowedHosts,
    allowedDomains,
    handlerOwners,
    alerts,
    dataDir,
    handler,
    handlers,
    connection,
    ...rest
  } = validated(optionsSchema.safeParse(options))
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
    handlerOwners: ownersOf(handlerOwners, refs),
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

function isBotSource(value: unknown): boolean {
  const source = Object(value)
  return ['list', 'get', 'watch'].every((name) => typeof source[name] === 'function')
}
