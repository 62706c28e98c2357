import { z } from 'zod'
import { FeishuSupervisorError } from '../core/errors.ts'
import { describeIssues } from '../core/validation.ts'
import type { FeishuSupervisorOptions } from '../options/feishu-supervisor-options.ts'
import { handlerOwnersOf, handlersOf } from './handler-environment.ts'
import type { LogSettings } from './print-log.ts'
import type { VARIABLES } from './variables.ts'

/** Accepts decimal digits only: an empty value, `0x10` or `1e3` is a mistake. */
const integer = (expected: string, least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/, expected)
    .transform(Number)
    .refine((value) => value >= least && value <= most, expected)

const schema = z.strictObject({
  FS_HOST: z.string().min(1).default('127.0.0.1'),
  FS_PORT: integer('expected a port number, 0 to 65535', 0, 65_535).default(3400),
  FS_DATA_DIR: z.string().min(1).optional(),
  FS_DATABASE_URL: z.string().min(1).optional(),
  FS_MASTER_KEY: z.string().min(1).optional(),
  FS_API_TOKEN: z.string().min(32, 'expected at least 32 characters').optional(),
  FS_HANDLER: z.string().min(1).optional(),
  FS_HANDLERS: z.string().min(1).optional(),
  FS_HTTP_URL: z.string().min(1).optional(),
  FS_HTTP_HISTORY: integer('expected a number, 0 to 100', 0, 100).optional(),
  FS_HTTP_TIMEOUT_MS: integer('expected milliseconds, 1 to 999999', 1, 999_999).optional(),
  FS_OPENAI_BASE_URL: z.string().min(1).optional(),
  FS_OPENAI_MODEL: z.string().min(1).optional(),
  FS_OPENAI_SYSTEM: z.string().min(1).optional(),
  FS_OPENAI_HISTORY: integer('expected a number, 0 to 100', 0, 100).optional(),
  FS_OPENAI_TIMEOUT_MS: integer('expected milliseconds, 1 to 999999', 1, 999_999).optional(),
  FS_ALLOWED_HOSTS: z.string().min(1).optional(),
  FS_ALLOWED_DOMAINS: z.string().min(1).optional(),
  FS_HANDLER_OWNERS: z.string().min(1).optional(),
  FS_MAX_CONNECTIONS: integer('expected a number, 1 to 1000', 1, 1000).optional(),
  FS_ALERT_URL: z.string().min(1).optional(),
  FS_ALERT_SECRET: z.string().min(1).optional(),
  FS_MEMORY_ALERT_MB: integer('expected megabytes, or 0 for no limit', 0, 999_999).optional(),
  FS_CA_FILE: z.string().min(1).optional(),
  FS_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  FS_LOG_FORMAT: z.enum(['json', 'text']).optional(),
} satisfies Readonly<Partial<Record<keyof typeof VARIABLES, z.ZodType>>>)

/** Configuration of the command line. */
export interface CliConfig {
  readonly host: string
  readonly port: number
  /** True when FS_PORT is set. Otherwise the demo takes a free port. */
  readonly isPortGiven: boolean
  readonly log: { readonly level: LogSettings['level']; readonly format: LogSettings['format'] | undefined }
  readonly options: FeishuSupervisorOptions
}

/** Start of the names of variables that hold one secret of handlers each. */
const SECRET_PREFIX = 'FS_SECRET_'

const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/

/**
 * Reads the FS_ variables. No other code reads the environment. Throws `CONFIG_INVALID` with one line per mistake.
 * Unknown FS_ names are mistakes too, so that a typo does not silently mean the default.
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): CliConfig {
  const named = Object.entries(env).filter(([name]) => name.startsWith('FS_'))
  const own = Object.fromEntries(named.filter(([name]) => !name.startsWith(SECRET_PREFIX)))
  const parsed = schema.safeParse(own)
  if (!parsed.success) {
    const known = Object.keys(schema.shape).join(', ')
    throw new FeishuSupervisorError(
      'CONFIG_INVALID',
      `${describeIssues(parsed.error)}\nKnown variables: ${known}, ${SECRET_PREFIX}<name>`,
    )
  }
  const { FS_HOST: host, FS_PORT: port, ...rest } = parsed.data
  if (!LOOPBACK.test(host) && rest.FS_API_TOKEN === undefined) {
    throw new FeishuSupervisorError(
      'CONFIG_INVALID',
      `FS_HOST: ${host} can be reached from other machines; set FS_API_TOKEN (at least 32 characters) or use 127.0.0.1`,
    )
  }
  const secrets = secretsOf(named)
  const options = {
    dataDir: rest.FS_DATA_DIR,
    databaseUrl: rest.FS_DATABASE_URL,
    masterKey: rest.FS_MASTER_KEY,
    apiToken: rest.FS_API_TOKEN,
    ...handlersOf(rest, secrets),
    secrets,
    maxConnections: rest.FS_MAX_CONNECTIONS,
    health: rest.FS_MEMORY_ALERT_MB === undefined ? undefined : { memoryMb: rest.FS_MEMORY_ALERT_MB },
    connection: connectionOf(env, rest.FS_CA_FILE),
    alerts: alertsOf(rest.FS_ALERT_URL, rest.FS_ALERT_SECRET),
    allowedHosts: allowedHosts(host, rest.FS_ALLOWED_HOSTS),
    allowedDomains: list(rest.FS_ALLOWED_DOMAINS),
    handlerOwners: rest.FS_HANDLER_OWNERS === undefined ? undefined : handlerOwnersOf(rest.FS_HANDLER_OWNERS),
  }
  return {
    host,
    port,
    isPortGiven: own['FS_PORT'] !== undefined,
    log: { level: rest.FS_LOG_LEVEL, format: rest.FS_LOG_FORMAT },
    options: Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
  }
}

/** Reads the usual proxy variables, in upper and lower case. An empty variable counts as unset. */
function connectionOf(
  env: Readonly<Record<string, string | undefined>>,
  caFile: string | undefined,
): FeishuSupervisorOptions['connection'] {
  const named = env['HTTPS_PROXY'] || env['https_proxy']
  const proxy = named === undefined || named === '' || named.includes('://') ? named : `http://${named}`
  if (proxy && !(URL.canParse(proxy) && /^https?:/.test(proxy))) {
    throw new FeishuSupervisorError(
      'CONFIG_INVALID',
      'HTTPS_PROXY: expected an HTTP proxy such as http://proxy.example:3128',
    )
  }
  const noProxy = (env['NO_PROXY'] || env['no_proxy'] || '').split(/[\s,]+/).filter(Boolean)
  const given = {
    ...(proxy ? { proxy } : {}),
    ...(proxy && noProxy.length > 0 ? { noProxy } : {}),
    ...(caFile === undefined ? {} : { caFile }),
  }
  return Object.keys(given).length === 0 ? undefined : given
}

function alertsOf(url: string | undefined, secret: string | undefined): FeishuSupervisorOptions['alerts'] {
  if (url === undefined && secret === undefined) return undefined
  if (url !== undefined && secret !== undefined) return { url, secret }
  const missing = url === undefined ? 'FS_ALERT_URL' : 'FS_ALERT_SECRET'
  throw new FeishuSupervisorError(
    'CONFIG_INVALID',
    `${missing}: is missing; alerts need FS_ALERT_URL and FS_ALERT_SECRET`,
  )
}

function secretsOf(named: readonly (readonly [string, string | undefined])[]): Record<string, string> | undefined {
  const secrets = named.flatMap(([name, value = '']) =>
    name.startsWith(SECRET_PREFIX) ? [[name.slice(SECRET_PREFIX.length), value] as const] : [],
  )
  return secrets.length === 0 ? undefined : Object.fromEntries(secrets)
}

function list(text: string | undefined): string[] | undefined {
  return text?.split(',').map((item) => item.trim())
}

/** Host names for the HTTP API. On loopback these are the names of this machine; elsewhere only the operator knows them. */
function allowedHosts(host: string, given: string | undefined): string[] | undefined {
  if (!LOOPBACK.test(host)) return list(given)
  return [...new Set([host, 'localhost', '127.0.0.1', '[::1]', ...(list(given) ?? [])])]
}
