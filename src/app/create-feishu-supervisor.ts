import type { FeishuSupervisorOptions } from '../options/feishu-supervisor-options.ts'
import { resolveOptions } from '../options/options.ts'
import { FeishuSupervisor } from './feishu-supervisor.ts'

/**
 * Creates a supervisor that does nothing until `start()`. Throws `CONFIG_INVALID`, naming the field,
 * when an option is wrong. Several may live in one process, each with its own data folder or database.
 */
export function createFeishuSupervisor(options: FeishuSupervisorOptions = {}): FeishuSupervisor {
  const { thread, ...setup } = resolveOptions(options)
  return new FeishuSupervisor(thread, setup)
}

/** The same handle with only the store behind it, for commands like `bots add`; bots are not started. */
export function openForAdministration(options: FeishuSupervisorOptions = {}): FeishuSupervisor {
  return new FeishuSupervisor(resolveOptions(options).thread, { startsBots: false })
}
