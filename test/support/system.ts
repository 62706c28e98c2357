import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { runCli } from '../../src/cli/run-cli.ts'
import {
  createFeishuSupervisor,
  type EventMap,
  type FeishuSupervisor,
  type FeishuSupervisorOptions,
} from '../../src/index.ts'
import { type LaunchedSimulator, launchSimulator } from '../../src/simulator/launch.ts'
import { copyEmptyDatabase } from './empty-database.ts'
import { NODE_FLAGS } from './node-flags.ts'

export const APPS = [
  { appId: 'cli_00000000000000a1', appSecret: 'fake-secret-a', name: 'Ada' },
  { appId: 'cli_00000000000000b2', appSecret: 'fake-secret-b', name: 'Ben' },
] as const

export const [ADA, BEN] = APPS

/** Waits of production scaled down, so that a test of a retry takes no longer than it must. */
export const FAST = {
  supervision: { backoff: { firstMs: 50, maxMs: 200 } },
  connection: { backoff: { firstMs: 50, maxMs: 200 }, serverErrorDelayMs: 200 },
  messages: { backoff: { firstMs: 50, maxMs: 200 }, replyBackoff: { firstMs: 50, maxMs: 200 }, leaseMs: 1_000 },
} as const satisfies FeishuSupervisorOptions

/** The admin's token of every supervisor here. */
export const API_TOKEN = 'fake-admin-token-fake-admin-token-fake'

export const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

/** Undoes in reverse order what a test set up, whatever happened to the test. */
export class Cleanups {
  readonly #cleanups: (() => Promise<unknown>)[] = []

  add(cleanup: () => Promise<unknown>): void {
    this.#cleanups.push(cleanup)
  }

  readonly run = async (): Promise<void> => {
    for (const cleanup of this.#cleanups.splice(0).toReversed()) await cleanup()
  }

  async folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'feishu-supervisor-test-'))
    this.add(() => rm(path, { recursive: true, force: true }))
    return path
  }

  /** A data folder whose embedded database is there already. */
  async dataDir(): Promise<string> {
    const path = await this.folder()
    await copyEmptyDatabase(path)
    return path
  }

  async simulator(timeScale = 0.02): Promise<LaunchedSimulator> {
    const simulator = await launchSimulator({ timeScale, apps: APPS })
    this.add(() => simulator.stop())
    return simulator
  }

  supervisor(options: FeishuSupervisorOptions): FeishuSupervisor {
    const supervisor = createFeishuSupervisor({ apiToken: API_TOKEN, ...FAST, ...options })
    this.add(() => supervisor.stop(1_000))
    return supervisor
  }

  /**
   * A command that ends by itself, run in this process, with no variable but the given. That it also runs as a process
   * is shown once for each command.
   */
  async command(args: readonly string[], env: Record<string, string> = {}, stdin = ''): Promise<Ended> {
    let stdout = ''
    let stderr = ''
    const toStderr = { write: (printed: string) => (stderr += printed) }
    const code = await runCli(args, {
      env,
      stdin: Readable.from([Buffer.from(stdin)]),
      stdout: { write: (printed) => (stdout += printed) },
      stderr: toStderr,
      log: toStderr,
      onSignal: () => () => {},
      kill: () => expect.unreachable('a command ended its process'),
    })
    return { code, stdout, stderr }
  }

  /** The command line in a process of its own, with no FS_ variable but the given. */
  cli(args: readonly string[], env: Record<string, string> = {}): CliProcess {
    const child = spawn(process.execPath, [...NODE_FLAGS, CLI, ...args], {
      env: { ...process.env, ...env },
      stdio: 'pipe',
    })
    this.add(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    })
    return new CliProcess(child)
  }
}

/** What a command has left behind. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export class CliProcess {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  #stdout = ''
  #waiting: { text: string; resolve: () => void }[] = []

  constructor(child: ChildProcess) {
    this.child = child
    const { stdout, stderr } = child
    if (stdout === null || stderr === null) throw new TypeError('the process has no pipes')
    stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stdout += chunk
      for (const { text: wanted, resolve } of this.#waiting) if (this.#stdout.includes(wanted)) resolve()
    })
    const printed = text(stderr)
    this.ended = once(child, 'close').then(async () => ({
      code: child.exitCode,
      stdout: this.#stdout,
      stderr: await printed,
    }))
  }

  get stdout(): string {
    return this.#stdout
  }

  /** Rejects, with what it printed, if it ends before. */
  async printed(wanted: string): Promise<void> {
    if (this.#stdout.includes(wanted)) return
    await Promise.race([
      new Promise<void>((resolve) => this.#waiting.push({ text: wanted, resolve })),
      this.ended.then((end) =>
        Promise.reject(new Error(`ended before it printed "${wanted}": ${JSON.stringify(end)}`)),
      ),
    ])
  }
}

/** Resolves with the first event for which the predicate holds. */
export function eventOf<K extends keyof EventMap>(
  supervisor: FeishuSupervisor,
  name: K,
  isWanted: (event: Parameters<Parameters<typeof supervisor.on<K>>[1]>[0]) => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const off = supervisor.on<K>(name, (event) => {
      if (!isWanted(event)) return
      off()
      resolve()
    })
  })
}

export async function addConnected(
  supervisor: FeishuSupervisor,
  app: Omit<Parameters<FeishuSupervisor['addBot']>[0], 'domain'>,
  domain: string,
): Promise<string> {
  const connected = eventOf(
    supervisor,
    'bot',
    ({ name, connection }) => name === app.name && connection.state === 'connected',
  )
  const { id } = await supervisor.addBot({ ...app, domain, useWebSocket: true })
  await connected
  return id
}

export async function getJson(supervisor: FeishuSupervisor, path: string): Promise<{ status: number; body: unknown }> {
  const response = await supervisor.fetch(
    new Request(`http://localhost${path}`, { headers: { authorization: `Bearer ${API_TOKEN}` } }),
  )
  return { status: response.status, body: await response.json() }
}
