import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LockTry } from './lock-try.ts'
import { askHolder, listen } from './lock-listener.ts'

interface Holder {
  readonly pid: number
  readonly port: number
  readonly token: string
}

/**
 * Lock for systems without listenable names: a file with the pid of the holder and a loopback port. If that port does
 * not answer with the token of the file, the file is left over, even if its pid is in use again.
 */
export class LockFile {
  readonly #path: string

  constructor(dataDir: string) {
    this.#path = join(dataDir, 'pglite.lock')
  }

  async tryLock(): Promise<LockTry> {
    const found = await this.#read(this.#path)
    if (found !== undefined) {
      const holder = parse(found)
      if (holder !== undefined && (await isAlive(holder))) return { heldBy: holder.pid }
      await this.#removeLeftOver(found)
    }
    return this.#create()
  }

  async #create(): Promise<LockTry> {
    const token = randomUUID()
    const listener = await listen({ host: '127.0.0.1', port: 0 }, token)
    if (listener === undefined) return { heldBy: undefined }
    const draft = `${this.#path}.${token}`
    try {
      await writeFile(draft, JSON.stringify({ pid: process.pid, port: listener.port, token } satisfies Holder), {
        mode: 0o600,
      })
      // link() fails if the name exists, and the name appears with its whole content.
      await link(draft, this.#path)
    } catch (thrown) {
      await listener.release()
      if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return { heldBy: undefined }
      throw thrown
    } finally {
      await rm(draft, { force: true })
    }
    return {
      lock: {
        release: async () => {
          await rm(this.#path, { force: true })
          await listener.release()
        },
      },
    }
  }

  /** Another starting process may have replaced the file since it was read. Then the file is put back. */
  async #removeLeftOver(content: string): Promise<void> {
    const aside = `${this.#path}.${randomUUID()}`
    try {
      await rename(this.#path, aside)
      if ((await this.#read(aside)) !== content) await link(aside, this.#path)
      await rm(aside, { force: true })
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'EEXIST') throw thrown
    }
  }

  async #read(path: string): Promise<string | undefined> {
    return readFile(path, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code === 'ENOENT') return undefined
      throw thrown
    })
  }
}

async function isAlive({ port, token }: Holder): Promise<boolean> {
  return (await askHolder({ host: '127.0.0.1', port })) === token
}

function parse(content: string): Holder | undefined {
  try {
    return JSON.parse(content) as Holder
  } catch {
    return undefined
  }
}
