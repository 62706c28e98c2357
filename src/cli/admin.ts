import { openForAdministration } from '../app/create-feishu-supervisor.ts'
import type { FeishuSupervisor } from '../app/feishu-supervisor.ts'
import type { CliConfig } from './environment.ts'
import type { CliContext } from './cli-context.ts'

/** Runs a command that needs only the database. Starts no bots. */
export async function withStore(
  options: CliConfig['options'],
  run: (supervisor: FeishuSupervisor) => Promise<void>,
): Promise<void> {
  const supervisor = openForAdministration(options)
  try {
    await supervisor.start()
    await run(supervisor)
  } finally {
    await supervisor.stop(0)
  }
}

/** `keys rotate`. */
export async function rotateKeys({ options }: CliConfig, { stdout }: Pick<CliContext, 'stdout'>): Promise<void> {
  await withStore(options, async (supervisor) => {
    const count = await supervisor.rotateKeys({ by: 'command line' })
    stdout.write(`${JSON.stringify({ rotated: true, bots: count })}\n`)
  })
}
