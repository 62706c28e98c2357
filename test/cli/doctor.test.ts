import { afterEach, expect, it } from 'vitest'
import type { Finding } from '../../src/index.ts'
import { postgresOfFile } from '../support/postgres-of-file.ts'
import { ADA, API_TOKEN, BEN, type CliProcess, Cleanups } from '../support/system.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

async function doctor(env: Record<string, string>): Promise<{ code: number | null; findings: Finding[] }> {
  const { code, stdout, stderr } = await cleanups.command(['doctor', '--json'], env)
  expect(stderr).toBe('')
  return { code, findings: JSON.parse(stdout) as Finding[] }
}

/** `start`, with Ada connected; answers its port. */
async function service(env: Record<string, string>): Promise<{ process: CliProcess; port: string }> {
  const process = cleanups.cli(['start'], { FS_PORT: '0', FS_API_TOKEN: API_TOKEN, ...env })
  await process.printed('status page: ')
  const port = /status page: http:\/\/127\.0\.0\.1:(\d+)\//.exec(process.stdout)?.[1] ?? ''
  return { process, port }
}

async function add(port: string, bot: object): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/api/feishu/bots`, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(bot),
  })
  expect(response.status).toBe(201)
}

const levels = (findings: readonly Finding[]): string[] =>
  findings.map(({ name, check, level }) => `${name ?? ''} ${check} ${level}`.trim())

const ADA_IS_WELL = [
  'Ada egress ok',
  'Ada clock ok',
  'Ada credentials ok',
  'Ada scopes ok',
  'Ada subscription ok',
  'Ada egress ok',
]

it('looks into the embedded database by itself, and through the process that has it', async () => {
  const simulator = await cleanups.simulator()
  const folder = await cleanups.dataDir()
  const env = { FS_DATA_DIR: folder, FS_ALLOWED_DOMAINS: simulator.url }
  const { process, port } = await service(env)
  await add(port, { ...ADA, domain: simulator.url, useWebSocket: true })

  expect(await doctor({ ...env, FS_PORT: port, FS_API_TOKEN: API_TOKEN })).toMatchObject({ code: 0 })
  await add(port, { ...BEN, appSecret: 'fake-wrong', domain: simulator.url })
  const asked = await doctor({ ...env, FS_PORT: port, FS_API_TOKEN: API_TOKEN })
  const expected = [
    'database ok',
    'master_key ok',
    ...ADA_IS_WELL,
    'Ben egress ok',
    'Ben clock ok',
    'Ben credentials error',
    'Ben subscription error',
  ]
  expect(asked.code).toBe(1)
  expect(levels(asked.findings)).toEqual(expected)

  const { code, findings } = await doctor({ ...env, FS_PORT: port })
  expect(code).toBe(1)
  expect(findings).toEqual([
    {
      check: 'database',
      level: 'error',
      message: expect.stringContaining(`in use by process ${process.child.pid}`),
      mend: expect.stringContaining('FS_API_TOKEN'),
    },
  ])

  process.child.kill('SIGTERM')
  await process.ended
  const openings = (await simulator.client.history()).filter(({ kind }) => kind === 'connection_opened').length
  expect(levels((await doctor(env)).findings)).toEqual(expected)
  expect((await simulator.client.history()).filter(({ kind }) => kind === 'connection_opened')).toHaveLength(openings)

  const wrong = await doctor({ ...env, FS_MASTER_KEY: Buffer.alloc(32, 1).toString('base64') })
  expect(wrong).toMatchObject({ code: 1, findings: [{ check: 'master_key', level: 'error' }] })

  const printed = await cleanups.cli(['doctor'], env).ended
  expect(printed.stdout).toMatch(/^ok +Ada: egress: .+\n/m)
  expect(printed.stdout).toMatch(/^error +Ben: credentials: .+\n +mend: .+\n/m)
})

const { postgres, isThere } = await postgresOfFile()

it.skipIf(!isThere)('looks into PostgreSQL while the service runs, and says that it is away', async () => {
  const simulator = await cleanups.simulator()
  const env = {
    FS_DATA_DIR: await cleanups.folder(),
    FS_DATABASE_URL: postgres.url,
    FS_ALLOWED_DOMAINS: simulator.url,
  }
  const { port } = await service(env)
  await add(port, { ...ADA, domain: simulator.url, useWebSocket: true })
  const { findings } = await doctor(env)
  expect(levels(findings).slice(1)).toEqual(['master_key ok', ...ADA_IS_WELL])
  expect(findings[0]).toMatchObject({ check: 'database', message: expect.stringContaining('PostgreSQL') })

  const gone = await doctor({ ...env, FS_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })
  expect(gone).toMatchObject({ code: 1, findings: [{ check: 'database', level: 'error' }] })
})
