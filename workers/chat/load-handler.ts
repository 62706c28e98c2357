import { access } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { asObject } from '../../src/core/as-object.ts'
import { errorText, FeishuSupervisorError } from '../../src/core/errors.ts'
import { echo } from '../../src/handlers/echo.ts'
import { type HandlerTable, toHandlerTable } from '../../src/handlers/handler-table.ts'
import type { BuiltInRef, HandlerRef } from '../../src/protocol/chat.ts'

/** Handlers that are loaded or being loaded: modules by path, built-in ones by their reference as JSON. */
const loaded = new Map<string, Promise<HandlerTable>>()
let failedImports = 0

/** Rejects with `HANDLER_UNLOADABLE`, naming the file and the reason. A handler is loaded once per thread. */
export async function loadHandler(ref: HandlerRef): Promise<HandlerTable> {
  if (ref.kind === 'host') throw unloadable(ref.name, "a function of the host runs only on the host's thread")
  const key = ref.kind === 'module' ? ref.path : JSON.stringify(ref)
  const known = loaded.get(key)
  if (known !== undefined) return await known
  const loading = ref.kind === 'module' ? importHandler(ref.path) : makeBuiltIn(ref)
  loaded.set(key, loading)
  // The next run tries again.
  loading.catch(() => loaded.delete(key))
  return await loading
}

/** Creates a built-in handler. The HTTP client is loaded only for the handlers that need it. */
async function makeBuiltIn(ref: BuiltInRef): Promise<HandlerTable> {
  if (ref.name === 'echo') return toHandlerTable(echo)
  const { newPost } = await import('../../src/handlers/post.ts')
  const post = newPost(ref.network)
  if (ref.name === 'http') return (await import('../../src/handlers/http.ts')).httpHandler(ref.options, post)
  return (await import('../../src/handlers/openai.ts')).openAiHandler(ref.options, post)
}

async function importHandler(path: string): Promise<HandlerTable> {
  await access(path).catch(() => {
    throw unloadable(path, 'the file does not exist or cannot be read')
  })
  const url = pathToFileURL(path)
  // Node remembers a failed import by its URL: a corrected file needs another URL.
  if (failedImports > 0) url.searchParams.set('retry', String(failedImports))
  let namespace: unknown
  try {
    namespace = await import(url.href)
  } catch (thrown) {
    failedImports += 1
    throw unloadable(path, `loading the module failed: ${errorText(thrown)}`)
  }
  const exported = asObject(namespace)['default']
  // A CommonJS file compiled from an ES module has its default export one level down.
  const inner = typeof exported === 'function' ? undefined : asObject(exported)['default']
  try {
    return toHandlerTable(inner ?? exported)
  } catch (thrown) {
    failedImports += 1
    throw unloadable(path, `its default export is wrong: ${errorText(thrown)}`)
  }
}

function unloadable(path: string, reason: string): FeishuSupervisorError {
  return new FeishuSupervisorError('HANDLER_UNLOADABLE', `the handler ${path} cannot be used: ${reason}`)
}
