import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { isWebhookSecret } from './webhook-secret.ts'
import { errorText, FeishuSupervisorError } from '../core/errors.ts'
import { builtInOption } from './built-in.ts'
import { runsPerThread as runs } from './messages.ts'
import type { Difference, Nothing } from './same.ts'
import type { ChatHandler, ChatHandlers } from '../handlers/define-handler.ts'
import { type HandlerTable, toHandlerTable } from '../handlers/handler-table.ts'
import type { HandlerOwners } from '../protocol/model/access.ts'
import type { NetworkOptions } from '../protocol/model/built-in.ts'
import type { BuiltInHandler, ModuleHandler } from '../protocol/options/built-in-handlers.ts'
import { type BuiltInRef, DEFAULT_HANDLER, HANDLER_NAME, type HandlerRef } from '../protocol/chat.ts'

/**
 * Handler that answers events: the built-in `echo`; the built-in `http` or `openai` with its options; a module whose
 * default export is a handler, which runs in the chat pool, as its path or as `{ module }` with options; or a function,
 * or an object with one function per kind of event, which runs on your own thread.
 */
export type HandlerOption = string | BuiltInHandler | ModuleHandler | ChatHandler | ChatHandlers

export const handlerOption = z.custom<HandlerOption>(
  (value) => value !== '' && value !== null && ['string', 'function', 'object'].includes(typeof value),
  'expected "echo", the path of a module, { module: "…", … }, { builtIn: "http" | "openai", … }, or a function',
)

export const handlersOption = z.record(
  z
    .string()
    .regex(HANDLER_NAME, 'a name is 1 to 64 letters, digits, _ or -')
    .refine((name) => name !== DEFAULT_HANDLER, `"${DEFAULT_HANDLER}" is the option handler`),
  handlerOption,
)

const moduleFields = z.strictObject({
  module: z.string().min(1),
  runsPerThread: runs.optional(),
  isolation: z.enum(['thread', 'process']).default('thread'),
})

const moduleOption = moduleFields.refine(
  ({ runsPerThread = 1, isolation }) => isolation === 'thread' || runsPerThread === 1,
  {
    path: ['runsPerThread'],
    error: 'with isolation "process" each run is alone in its process: leave it out',
  },
)

export type ModuleHandlersAreDocumented = Nothing<Difference<z.input<typeof moduleFields>, ModuleHandler>>

export interface ResolvedHandlers {
  /** References for the supervisor thread, by handler name. */
  readonly refs: Readonly<Record<string, HandlerRef>>
  /** Handler functions, by handler name. They stay on the host thread. */
  readonly tables: ReadonlyMap<string, HandlerTable>
}

/** Secrets and network options for the built-in handlers. */
export interface HandlerEnvironment {
  readonly secrets: Readonly<Record<string, string>>
  readonly network: NetworkOptions
}

/** Checks the handlers of the options. Throws `CONFIG_INVALID`, naming the field. */
export function resolveHandlers(
  handler: HandlerOption,
  others: Readonly<Record<string, HandlerOption>>,
  environment: HandlerEnvironment,
): ResolvedHandlers {
  const refs: Record<string, HandlerRef> = {}
  const tables = new Map<string, HandlerTable>()
  for (const [name, option] of Object.entries({ [DEFAULT_HANDLER]: handler, ...others })) {
    const field = name === DEFAULT_HANDLER ? 'handler' : `handlers.${name}`
    if (typeof option === 'string') {
      refs[name] = moduleOrBuiltIn(field, option)
      continue
    }
    if (isBuiltIn(option)) {
      refs[name] = builtInOf(field, option, environment)
      continue
    }
    if (isModule(option)) {
      refs[name] = moduleOf(field, option)
      continue
    }
    const table = tableOf(field, option)
    tables.set(name, table)
    refs[name] = { kind: 'host', name, kinds: [...table.keys()] }
  }
  return { refs, tables }
}

/** Refuses owners of a handler that is not there: with a misspelled name they would be refused, and nobody would know why. */
export function ownersOf(owners: HandlerOwners, refs: ResolvedHandlers['refs']): HandlerOwners {
  for (const name of Object.keys(owners)) {
    if (Object.hasOwn(refs, name)) continue
    throw invalid(`handlerOwners.${name}`, `there is no handler "${name}", only ${Object.keys(refs).join(', ')}`)
  }
  return owners
}

function moduleOrBuiltIn(field: string, handler: string): HandlerRef {
  return handler === 'echo' ? { kind: 'builtin', name: 'echo' } : { kind: 'module', path: existing(field, handler) }
}

function existing(field: string, module: string): string {
  const path = resolve(module)
  if (existsSync(path)) return path
  throw invalid(
    field,
    `there is no file ${path}; give the path of a module whose default export is a chat handler, "echo", or { builtIn: "http" | "openai", … }`,
  )
}

function isModule(option: object): option is ModuleHandler {
  return Object.hasOwn(option, 'module')
}

function moduleOf(field: string, option: ModuleHandler): HandlerRef {
  const { module, runsPerThread, isolation } = parsed(field, moduleOption, option)
  const path = existing(`${field}.module`, module)
  return { kind: 'module', path, isolation, ...(runsPerThread === undefined ? {} : { runsPerThread }) }
}

function parsed<T>(field: string, schema: z.ZodType<T>, option: object): T {
  const { success, data, error } = schema.safeParse(option)
  if (success) return data
  const lines = error.issues.map(({ path, message }) => `${[field, ...path].join('.')}: ${message}`)
  throw new FeishuSupervisorError('CONFIG_INVALID', lines.join('\n'))
}

function isBuiltIn(option: object): option is BuiltInHandler {
  return Object.hasOwn(option, 'builtIn')
}

function builtInOf(field: string, option: BuiltInHandler, { secrets, network }: HandlerEnvironment): BuiltInRef {
  const data = parsed(field, builtInOption, option)
  const { apiKey } = data
  const signingSecret = data.builtIn === 'http' ? data.signingSecret : undefined
  for (const [key, name] of Object.entries({ apiKey, signingSecret })) {
    if (name === undefined || Object.hasOwn(secrets, name)) continue
    const known = Object.keys(secrets).join(', ') || 'none'
    throw invalid(`${field}.${key}`, `there is no secret "${name}" among the options, only: ${known}`)
  }
  if (signingSecret !== undefined && !isWebhookSecret(secrets[signingSecret] ?? '')) {
    throw invalid(`${field}.signingSecret`, `the secret "${signingSecret}" is not whsec_ and 24 to 64 bytes in base64`)
  }
  if (data.builtIn === 'http') {
    const { builtIn: name, ...options } = data
    return { kind: 'builtin', name, options, network }
  }
  const { builtIn: name, ...options } = data
  return { kind: 'builtin', name, options, network }
}

function tableOf(field: string, option: ChatHandler | ChatHandlers): HandlerTable {
  try {
    return toHandlerTable(option)
  } catch (thrown) {
    throw invalid(field, errorText(thrown))
  }
}

function invalid(field: string, text: string): FeishuSupervisorError {
  return new FeishuSupervisorError('CONFIG_INVALID', `${field}: ${text}`)
}
