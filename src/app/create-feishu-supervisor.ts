import type { FeishuSupervisorOptions } from '../options/feishu-supervisor-options.ts'
import { resolveOptions } from '../options/options.ts'
import { FeishuSupervisor } from './feishu-supervisor.ts'

/**
 * Creates a supervisor, which does nothing until `start()`. Throws `CONFIG_INVALID`, naming the field, when an option
 * is wrong. One process may have several supervisors, each with its own data folder or database.
 */
export function createFeishuSupervisor(options: FeishuSupervisorOptions = {}): FeishuSupervisor {
  const { thread, ...setup } = resolveOptions(options)
  return new FeishuSupervisor(thread, setup)
}

/** Creates a handle for commands like `bots add`: it opens the database and starts no bots. */
export function openForAdministration(options: FeishuSupervisorOptions = {}): FeishuSupervisor {
  return new FeishuSupervisor(resolveOptions(options).thread, { startsBots: false })
}
