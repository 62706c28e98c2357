import type { CliContext } from './cli-context.ts'
import type { CliConfig } from './environment.ts'
import { withStore } from './with-store.ts'

/** `keys rotate`. */
export async function rotateKeys({ options }: CliConfig, { stdout }: Pick<CliContext, 'stdout'>): Promise<void> {
  await withStore(options, async (supervisor) => {
    const count = await supervisor.rotateKeys({ by: 'command line' })
    stdout.write(`${JSON.stringify({ rotated: true, bots: count })}\n`)
  })
}
