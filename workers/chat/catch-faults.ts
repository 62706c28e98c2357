import { syncBuiltinESMExports } from 'node:module'
import { FeishuSupervisorError } from '../../src/core/errors.ts'

/** What a handler did outside its promise that would have ended its thread. */
export type Fault =
  | { readonly kind: 'thrown'; readonly thrown: unknown }
  | { readonly kind: 'exit'; readonly message: string }

/** Unwinds the stack of the code that called `process.exit`, which must not go on. */
class ExitCalled extends Error {
  override readonly name = 'ExitCalled'
}

/**
 * From now on what code of handlers throws where nobody catches it, and calls of `process.exit`, end no thread:
 * `onFault` is told instead, in the asynchronous context of that code, and must not throw.
 */
export function catchFaults(onFault: (fault: Fault) => void): void {
  const caught = (thrown: unknown): void => {
    // Thrown by our own watch: the thread has to end, now.
    if (thrown instanceof FeishuSupervisorError && thrown.code === 'MEMORY_EXCEEDED') throw thrown
    if (!(thrown instanceof ExitCalled)) onFault({ kind: 'thrown', thrown })
  }
  process.on('uncaughtException', caught)
  process.on('unhandledRejection', caught)
  const endThread = process.exit
  const exit = (exitCode?: number | string | null): never => {
    if (isEndOfThread()) return endThread(exitCode)
    const given = exitCode ?? process.exitCode ?? 0
    onFault({ kind: 'exit', message: `the handler called process.exit(${given})` })
    throw new ExitCalled('process.exit was called; the handler does not go on')
  }
  process.exit = exit
  // Modules that import it by its name get it too.
  syncBuiltinESMExports()
}

/** Node itself calls `process.exit` after an error that ends a thread; a throw there would end the whole process. */
function isEndOfThread(): boolean {
  const { stackTraceLimit, prepareStackTrace } = Error
  Object.assign(Error, { stackTraceLimit: 3, prepareStackTrace: undefined })
  const { stack = '' } = new Error('who called')
  Object.assign(Error, { stackTraceLimit, prepareStackTrace })
  return stack.split('\n').at(-1)?.includes('node:internal/main/worker_thread') === true
}
