import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../core/time/clock.ts'
import { FeishuSupervisorError } from '../core/errors.ts'
import type { SimulatedApp } from './shared/app-directory.ts'
import { SimulatorClient } from './control/client.ts'
import { resolveSimulatorOptions, type SimulatorOptions } from './simulator-options.ts'

/** Configuration of a simulator process. */
export interface SimulatorConfig extends SimulatorOptions {
  /** Port to listen on. Default: 0, a free one. */
  readonly port?: number
  /** Apps that are there from the start. Default: none. */
  readonly apps?: readonly SimulatedApp[]
}

/** Notice of the process to its parent. */
export type SimulatorNotice =
  | { readonly kind: 'listening'; readonly url: string }
  | { readonly kind: 'failed'; readonly message: string }

export interface LaunchedSimulator {
  readonly url: string
  readonly pid: number
  readonly client: SimulatorClient
  /** Ends the process and resolves when it has ended. May be called twice. */
  stop(): Promise<void>
}

/** Time for a clean end before the process is killed. */
const GRACE_MS = 5000

/**
 * Runs a simulator in its own process, so that neither side's busy thread disturbs the other. The process ends
 * when its parent ends, in every case. Rejects with `CONFIG_INVALID` for an unknown option.
 */
export async function launchSimulator(
  config: SimulatorConfig = {},
  mainPath: string = builtMainPath(),
): Promise<LaunchedSimulator> {
  const { port: _port, apps: _apps, ...options } = config
  // Here the error keeps its code.
  resolveSimulatorOptions(options)
  const child = fork(mainPath, [JSON.stringify(config)], { execArgv: [] })
  const { pid } = child
  const notice = await firstNotice(child)
  if (notice.kind === 'failed' || pid === undefined) {
    const why = notice.kind === 'failed' ? notice.message : 'the process has no id'
    throw new FeishuSupervisorError('INTERNAL', `the simulator process did not start: ${why}`)
  }
  const { url } = notice
  return { url, pid, client: new SimulatorClient(url), stop: () => stop(child) }
}

/** Path of the built entry. Source and built files lie side by side; processes run the built files. */
function builtMainPath(): string {
  const isSource = import.meta.url.endsWith('.ts')
  return fileURLToPath(new URL(isSource ? '../../dist/simulator/main.js' : './main.js', import.meta.url))
}

function firstNotice(child: ChildProcess): Promise<SimulatorNotice> {
  return new Promise((resolve) => {
    child.once('message', (notice) => resolve(notice as SimulatorNotice))
    child.once('error', ({ message }) => resolve({ kind: 'failed', message }))
    child.once('exit', (code, signal) =>
      resolve({ kind: 'failed', message: `the process ended with ${code ?? signal}` }),
    )
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  if (child.connected) child.disconnect()
  const cancelKill = systemClock.after(GRACE_MS, () => child.kill('SIGKILL'))
  await exited
  cancelKill()
}
