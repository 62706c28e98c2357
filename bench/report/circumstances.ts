import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'

/** What a reader has to know of a run to compare it with another; nothing that names the machine. */
export interface Circumstances {
  readonly at: string
  readonly commit: string
  readonly machine: {
    readonly cores: number
    readonly processor: string
    readonly memoryGb: number
    readonly system: string
    /** Of the system's run queue over the last minute, before the run. */
    readonly busyCores: number
  }
  readonly versions: Readonly<Record<string, string>>
}

const PACKAGES = ['@larksuiteoapi/node-sdk', '@electric-sql/pglite', 'pg', 'piscina', 'drizzle-orm']

export async function readCircumstances(root: string, postgresUrl: string, load: number): Promise<Circumstances> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  return {
    at: new Date().toISOString(),
    commit: commitOf(root),
    machine: {
      cores: availableParallelism(),
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      memoryGb: Math.round(totalmem() / 2 ** 30),
      system: `${process.platform} ${process.arch}`,
      busyCores: Math.round(load * 10) / 10,
    },
    versions: {
      'feishu-supervisor': version,
      node: process.version,
      PostgreSQL: await postgresVersion(postgresUrl),
      ...Object.fromEntries(PACKAGES.map((name) => [name, packageVersion(root, name)])),
    },
  }
}

/** With a plus sign if the work tree had changes. */
function commitOf(root: string): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  try {
    return git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain', '-uno') === '' ? '' : '+')
  } catch {
    return 'unknown'
  }
}

function packageVersion(root: string, name: string): string {
  const path = createRequire(join(root, 'package.json')).resolve.paths(name)?.[0] ?? join(root, 'node_modules')
  return (JSON.parse(readFileSync(join(path, name, 'package.json'), 'utf8')) as { version: string }).version
}

/** With the settings that decide whether a commit is on disk. */
async function postgresVersion(url: string): Promise<string> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ text: string }>(
      `select current_setting('server_version') || ', fsync ' || current_setting('fsync')
         || ', synchronous_commit ' || current_setting('synchronous_commit') as text`,
    )
    return rows[0]?.text ?? 'unknown'
  } finally {
    await client.end()
  }
}
