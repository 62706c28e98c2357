import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { openPgliteDatabase } from '../../src/store/open/open-pglite.ts'

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '../..')
const CACHE = join(ROOT, 'node_modules', '.cache', 'feishu-supervisor')

let template: Promise<string> | undefined

/** Puts an embedded database with all tables and nothing in them into a folder: making one takes seconds. */
export async function copyEmptyDatabase(dataDir: string): Promise<void> {
  template ??= findTemplate()
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  // Of its thousand files fs.cp takes fifty times as long, and cp five times.
  await run('tar', ['-xpf', await template, '-C', dataDir])
}

/** Made once for each state of the migrations and of PGlite, by whoever needs it first. */
async function findTemplate(): Promise<string> {
  const versions = await Promise.all([
    readFile(join(ROOT, 'drizzle/meta/_journal.json')),
    readFile(join(ROOT, 'package-lock.json')),
  ])
  const hash = createHash('sha256').update(Buffer.concat(versions)).digest('hex').slice(0, 16)
  const path = join(CACHE, `${hash}.tar`)
  if (existsSync(path)) return path
  await mkdir(CACHE, { recursive: true })
  const unfinished = await mkdtemp(join(CACHE, `${hash}-`))
  const workerPath = join(ROOT, 'dist/workers/pglite.cjs')
  const opened = await openPgliteDatabase({ dataDir: unfinished, workerPath, migrationsDir: join(ROOT, 'drizzle') })
  await opened.database.close()
  await opened.thread.close()
  const archive = join(unfinished, 'template.tar')
  await run('tar', ['-cf', archive, '-C', unfinished, 'pglite'])
  // Another test file may have been faster; its template is as good, and whoever reads that one goes on reading it.
  await rename(archive, path)
  await rm(unfinished, { recursive: true, force: true })
  return path
}
