import { deferred } from '../../core/time/deferred.ts'
import type { CliContext } from '../cli-context.ts'
import type { CliConfig } from '../environment.ts'
import { converse } from './converse.ts'
import { sayTo } from './narrate.ts'
import { openStage } from './open-stage.ts'
import { play } from './play.ts'

/**
 * `demo`: runs a local Feishu in its own process, two bots, the echo handler (or FS_HANDLER) and a temporary data
 * folder. FS_DATABASE_URL is never used. Ends on Ctrl-C; with `isOnce` after the fixed conversation.
 */
export async function demo(
  config: CliConfig,
  { isOnce }: { readonly isOnce: boolean },
  { stdout, onSignal }: Pick<CliContext, 'stdout' | 'onSignal'>,
): Promise<number> {
  const say = sayTo(stdout)
  const interrupted = deferred()
  const offSignal = onSignal(() => interrupted.resolve())
  const stage = await openStage(config)
  try {
    if (isOnce) {
      const verdict = await Promise.race([play(stage, say), interrupted.promise])
      if (verdict !== undefined) stdout.write(`${JSON.stringify(verdict.figures)}\n`)
      return verdict?.isClean === true ? 0 : 1
    }
    const silence = converse(stage, say)
    await interrupted.promise
    silence()
    return 0
  } finally {
    offSignal()
    await stage.close()
  }
}
