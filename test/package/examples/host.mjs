// A host process of an example, and what the tests of them share.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'

/** A process group of its own, so that `npm start` and what it starts end together. */
export class Host {
  #output = ''
  #child
  #exited

  constructor(command, args, { cwd, env }) {
    this.#child = spawn(command, args, { cwd, env: { ...process.env, ...env }, detached: true, stdio: 'pipe' })
    this.#exited = once(this.#child, 'exit')
    process.once('exit', () => this.#signal('SIGKILL'))
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        this.#output += chunk
        this.#child.emit('printed')
      })
    }
  }

  get pid() {
    return this.#child.pid
  }

  /** The first group of the pattern. Rejects with all output when the process ends before, or after 60 s. */
  async printed(pattern) {
    const giveUp = AbortSignal.timeout(60_000)
    for (;;) {
      const match = pattern.exec(this.#output)
      if (match !== null) return match[1] ?? match[0]
      const event = await Promise.race([
        once(this.#child, 'printed', { signal: giveUp }).then(
          () => 'printed',
          () => 'late',
        ),
        this.#exited.then(() => 'exited'),
      ])
      if (event !== 'printed') throw new Error(`${event} before it printed ${pattern}:\n${this.#output}`)
    }
  }

  /** Ends it as a terminal or a service manager does; answers what it printed. */
  async stop() {
    this.#signal('SIGTERM')
    await this.#exited
    return this.#output
  }

  #signal(signal) {
    const { pid = 0, exitCode, signalCode } = this.#child
    if (exitCode === null && signalCode === null) process.kill(-pid, signal)
  }
}

export function dataDir() {
  return mkdtempSync(join(process.env.TMPDIR, 'data-'))
}
