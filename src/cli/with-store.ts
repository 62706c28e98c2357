import { openForAdministration } from '../app/create-feishu-supervisor.ts'
import type { FeishuSupervisor } from '../app/feishu-supervisor.ts'
import type { CliConfig } from './environment.ts'

/** Runs a command on the database alone; no bot is started. */
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
