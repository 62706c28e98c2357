import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { PackagePaths } from '../protocol/host.ts'

/**
 * Finds the built thread entries and the migrations of this package, from src and from dist. The `imports` map of
 * package.json names the built files, so development, tests and the published package start the same files.
 */
export function packagePaths(): PackagePaths {
  const require = createRequire(import.meta.url)
  const botWorker = require.resolve('#workers/bot')
  return {
    botWorker,
    botProcess: require.resolve('#workers/bot-process'),
    chatWorker: require.resolve('#workers/chat'),
    chatProcess: require.resolve('#workers/chat-process'),
    pgliteWorker: require.resolve('#workers/pglite'),
    supervisorWorker: require.resolve('#workers/supervisor'),
    handlerRunner: require.resolve('#workers/handler-runner'),
    migrations: join(dirname(botWorker), '..', '..', 'drizzle'),
  }
}
