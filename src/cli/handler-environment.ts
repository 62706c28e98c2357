import { FeishuSupervisorError } from '../core/errors.ts'
import type { FeishuSupervisorOptions } from '../options/feishu-supervisor-options.ts'

type Handler = NonNullable<FeishuSupervisorOptions['handler']>

/** FS_ variables of handlers. */
export interface HandlerVariables {
  readonly FS_HANDLER?: string | undefined
  readonly FS_HANDLERS?: string | undefined
  readonly FS_HTTP_URL?: string | undefined
  readonly FS_HTTP_HISTORY?: number | undefined
  readonly FS_HTTP_TIMEOUT_MS?: number | undefined
  readonly FS_OPENAI_BASE_URL?: string | undefined
  readonly FS_OPENAI_MODEL?: string | undefined
  readonly FS_OPENAI_SYSTEM?: string | undefined
  readonly FS_OPENAI_HISTORY?: number | undefined
  readonly FS_OPENAI_TIMEOUT_MS?: number | undefined
}

/** Names of secrets that the built-in handlers use when they are set as `FS_SECRET_<name>`. */
const API_KEYS = { http: 'HTTP', openai: 'OPENAI' } as const
const SIGNING_KEY = 'HTTP_SIGNING'

/** Converts `FS_HANDLER` and `FS_HANDLERS` to options. The values `http` and `openai` mean the built-in handlers with their variables. */
export function handlersOf(
  variables: HandlerVariables,
  secrets: Readonly<Record<string, string>> = {},
): Pick<FeishuSupervisorOptions, 'handler' | 'handlers'> {
  const { FS_HANDLER, FS_HANDLERS } = variables
  const named =
    FS_HANDLERS === undefined
      ? undefined
      : pairsOf('FS_HANDLERS: expected name=path, more of them after a comma', FS_HANDLERS)
  const used = [FS_HANDLER, ...Object.values(named ?? {})]
  for (const builtIn of ['http', 'openai'] as const) refuseUnused(builtIn, variables, used.includes(builtIn))
  const toHandler = (text: string): Handler => {
    if (text === 'http') return httpOf(variables, secrets)
    return text === 'openai' ? openAiOf(variables, secrets) : moduleOf(text)
  }
  return {
    ...(FS_HANDLER === undefined ? {} : { handler: toHandler(FS_HANDLER) }),
    ...(named === undefined
      ? {}
      : { handlers: Object.fromEntries(Object.entries(named).map(([name, text]) => [name, toHandler(text)])) }),
  }
}

/** Options of a module, as `./sales.mjs?runsPerThread=1`. A number stays a number. */
const MODULE_OPTIONS = /^(.+?)\?(\w+=[\w.-]+(?:&\w+=[\w.-]+)*)$/

function moduleOf(text: string): Handler {
  const [, module, query] = MODULE_OPTIONS.exec(text) ?? []
  if (module === undefined || query === undefined) return text
  const options = [...new URLSearchParams(query)].map(([key, value]) => [
    key,
    /^\d+$/.test(value) ? Number(value) : value,
  ])
  // The options check the keys and the values.
  return { module, ...Object.fromEntries(options) } as Handler
}

function httpOf(variables: HandlerVariables, secrets: Readonly<Record<string, string>>): Handler {
  const { FS_HTTP_URL: url, FS_HTTP_HISTORY: history, FS_HTTP_TIMEOUT_MS: timeoutMs } = variables
  if (url === undefined) throw invalid('FS_HTTP_URL: is missing; the handler http posts to it')
  return {
    builtIn: 'http',
    url,
    ...(SIGNING_KEY in secrets ? { signingSecret: SIGNING_KEY } : {}),
    ...common('http', secrets, history, timeoutMs),
  }
}

function openAiOf(variables: HandlerVariables, secrets: Readonly<Record<string, string>>): Handler {
  const { FS_OPENAI_BASE_URL: baseUrl, FS_OPENAI_MODEL: model, FS_OPENAI_SYSTEM: system } = variables
  if (model === undefined) throw invalid('FS_OPENAI_MODEL: is missing; the handler openai needs the name of a model')
  return {
    builtIn: 'openai',
    model,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(system === undefined ? {} : { system }),
    ...common('openai', secrets, variables.FS_OPENAI_HISTORY, variables.FS_OPENAI_TIMEOUT_MS),
  }
}

function common(
  builtIn: keyof typeof API_KEYS,
  secrets: Readonly<Record<string, string>>,
  history: number | undefined,
  timeoutMs: number | undefined,
): { apiKey?: string; history?: number; timeoutMs?: number } {
  return {
    ...(API_KEYS[builtIn] in secrets ? { apiKey: API_KEYS[builtIn] } : {}),
    ...(history === undefined ? {} : { history }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  }
}

/** Refuses variables of a built-in handler that is not used. They are a mistake, like unknown variables. */
function refuseUnused(builtIn: 'http' | 'openai', variables: HandlerVariables, isUsed: boolean): void {
  const prefix = `FS_${builtIn.toUpperCase()}_`
  const [first] = Object.keys(variables).filter((name) => name.startsWith(prefix))
  if (first === undefined || isUsed) return
  throw invalid(`${first}: nothing reads it; set FS_HANDLER=${builtIn} or name it in FS_HANDLERS`)
}

/** Parses `sales=ann|ben,support=eve`. */
export function handlerOwnersOf(given: string): Record<string, readonly string[]> {
  const pairs = pairsOf('FS_HANDLER_OWNERS: expected handler=owner|owner, more of them after a comma', given)
  return Object.fromEntries(Object.entries(pairs).map(([name, owners]) => [name, owners.split('|')]))
}

/** Parses `sales=./sales.mjs,smart=openai`. The options check the names and paths. */
function pairsOf(expected: string, given: string): Record<string, string> {
  const pairs = given.split(',').map((pair): [string, string] => {
    const [, name, value] = /^([^=]+)=(.+)$/.exec(pair.trim()) ?? []
    if (name !== undefined && value !== undefined) return [name, value]
    throw invalid(expected)
  })
  return Object.fromEntries(pairs)
}

function invalid(message: string): FeishuSupervisorError {
  return new FeishuSupervisorError('CONFIG_INVALID', message)
}
