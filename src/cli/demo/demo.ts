import { deferred } from '../../core/time/deferred.ts'
import type { CliConfig } from '../environment.ts'
import { converse } from './converse.ts'
import { openStage } from './open-stage.ts'
import { play } from './play.ts'

/**
 * `demo`: a local Feishu in its own process, two bots, the echo handler (or FS_HANDLER), a temporary
 * data folder. FS_DATABASE_URL is never touched. Ends on Ctrl-C, or with `isOnce` by itself.
 */
export async function demo(config: CliConfig, { isOnce }: { readonly isOnce: boolean }): Promise<void> {
  const interrupted = deferred()
  const onSignal = (): void => interrupted.resolve()
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  const stage = await openStage(config)
  try {
    if (isOnce) {
      const verdict = await Promise.race([play(stage), interrupted.promise])
      process.exitCode = verdict?.isClean === true ? 0 : 1
      if (verdict !== undefined) process.stdout.write(`${JSON.stringify(verdict.figures)}\n`)
    } else {
      const silence = converse(stage)
      await interrupted.promise
      silence()
    }
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    await stage.close()
  }
}
