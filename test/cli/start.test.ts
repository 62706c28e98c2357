import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { Cleanups } from '../support/system.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

it('says that the port is taken and leaves nothing running', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  cleanups.add(() => new Promise((resolve) => taken.close(resolve)))
  const port = String((taken.address() as AddressInfo).port)
  const { code, stderr } = await cleanups.cli(['start'], { FS_DATA_DIR: await cleanups.folder(), FS_PORT: port }).ended
  expect(code).toBe(1)
  expect(stderr).toMatch(new RegExp(`port ${port} of 127.0.0.1 is used by another process: set FS_PORT`))
})

it.each([
  { what: 'an unknown FS_ variable', env: { FS_PROT: '1' }, says: /FS_PROT/ },
  { what: 'a port that is no number', env: { FS_PORT: 'http' }, says: /FS_PORT: expected a port number/ },
  { what: 'an open address without a token', env: { FS_HOST: '0.0.0.0' }, says: /FS_HOST.*FS_API_TOKEN/ },
  { what: 'a missing handler file', env: { FS_HANDLER: './missing.mjs' }, says: /no file .*missing\.mjs/ },
  { what: 'a URL of another database', env: { FS_DATABASE_URL: 'mysql://x' }, says: /databaseUrl: expected postgres/ },
  { what: 'a key that is none', env: { FS_MASTER_KEY: 'abc', FS_PORT: '0' }, says: /FS_MASTER_KEY is not 32 bytes/ },
])('refuses $what at start, naming the field', async ({ env, says }) => {
  const base: Record<string, string> = { FS_DATA_DIR: await cleanups.folder() }
  const { code, stderr } = await cleanups.command(['start'], { ...base, ...env })
  expect(code).toBe(1)
  expect(stderr).toMatch(says)
})

it('refuses a handler that throws at import, with its reason', async () => {
  const folder = await cleanups.folder()
  const handler = join(folder, 'bad.mjs')
  await writeFile(handler, "throw new Error('boom at import')")
  const { code, stderr } = await cleanups.command(['start'], { FS_DATA_DIR: folder, FS_PORT: '0', FS_HANDLER: handler })
  expect(code).toBe(1)
  expect(stderr).toMatch(/bad\.mjs.*boom at import/)
  expect(stderr).toContain('HANDLER_UNLOADABLE')
})

it('refuses a data folder that cannot be written', async () => {
  const folder = await cleanups.folder()
  await writeFile(join(folder, 'file'), '')
  const { code, stderr } = await cleanups.command(['start'], { FS_DATA_DIR: join(folder, 'file', 'x'), FS_PORT: '0' })
  expect(code).toBe(1)
  expect(stderr).toMatch(/DATA_DIR_UNUSABLE/)
})
