import { access } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { asObject } from '../../src/core/as-object.ts'
import { errorText, FeishuSupervisorError } from '../../src/core/errors.ts'
import { echo } from '../../src/handlers/echo.ts'
import { type HandlerTable, toHandlerTable } from '../../src/handlers/handler-table.ts'
import type { HandlerRef } from '../../src/protocol/chat.ts'

const BUILT_IN = { echo: toHandlerTable(echo) } as const satisfies Record<string, HandlerTable>

const loaded = new Map<string, HandlerTable>()
let failedImports = 0

/** Rejects with `HANDLER_UNLOADABLE`, naming the file and the reason. A handler is loaded once per thread. */
export async function loadHandler(ref: HandlerRef): Promise<HandlerTable> {
  if (ref.kind === 'builtin') return BUILT_IN[ref.name]
  if (ref.kind === 'host') throw unloadable(ref.name, "it is a function of the host's thread")
  const known = loaded.get(ref.path)
  if (known !== undefined) return known
  const handler = await importHandler(ref.path)
  loaded.set(ref.path, handler)
  return handler
}

async function importHandler(path: string): Promise<HandlerTable> {
  await access(path).catch(() => {
    throw unloadable(path, 'there is no such file, or it cannot be read')
  })
  const url = pathToFileURL(path)
  // Node remembers a failed import by its URL: a mended file needs another one.
  if (failedImports > 0) url.searchParams.set('retry', String(failedImports))
  let namespace: unknown
  try {
    namespace = await import(url.href)
  } catch (thrown) {
    failedImports += 1
    throw unloadable(path, `it threw while being loaded: ${errorText(thrown)}`)
  }
  const exported = asObject(namespace)['default']
  // A CommonJS file compiled from an ES module has its default export one level down.
  const inner = typeof exported === 'function' ? undefined : asObject(exported)['default']
  try {
    return toHandlerTable(inner ?? exported)
  } catch (thrown) {
    failedImports += 1
    throw unloadable(path, `of its default export, ${errorText(thrown)}`)
  }
}

function unloadable(path: string, reason: string): FeishuSupervisorError {
  return new FeishuSupervisorError('HANDLER_UNLOADABLE', `the handler ${path} cannot be used: ${reason}`)
}
