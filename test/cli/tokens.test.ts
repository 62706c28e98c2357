import { afterEach, expect, it } from 'vitest'
import { ADA, Cleanups } from '../support/system.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

it('tokens are made, listed without their secret, and revoked', async () => {
  const env = { FS_DATA_DIR: await cleanups.dataDir() }
  const create = ['tokens', 'create', '--user', 'ann', '--read-only', '--expires-in-days']
  const made = await cleanups.cli([...create, '7'], env).ended
  expect(made).toMatchObject({ code: 0, stderr: '' })
  const { token, ...record } = JSON.parse(made.stdout) as { id: string; token: string }
  expect({ token, ...record }).toMatchObject({ token: expect.stringMatching(/^fs_/), owner: 'ann', scopes: ['read'] })

  const listed = await cleanups.command(['tokens', 'list'], env)
  expect(listed).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(listed.stdout)).toEqual(record)
  const revoked = await cleanups.command(['tokens', 'revoke', record.id], env)
  expect(revoked).toEqual({ code: 0, stdout: `{"id":"${record.id}","revoked":true}\n`, stderr: '' })
  const after = await cleanups.command(['tokens', 'list'], env)
  expect(JSON.parse(after.stdout)).toMatchObject({ id: record.id, revokedAt: expect.any(Number) })
  expect(await cleanups.command([...create, 'soon'], env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--expires-in-days: expected a number of days or never, not "soon"'),
  })
})

it('the master key is rotated, and what it sealed is still there', async () => {
  const env = { FS_DATA_DIR: await cleanups.dataDir() }
  const add = ['bots', 'add', '--app-id', ADA.appId, '--app-secret', ADA.appSecret]
  expect(await cleanups.command(add, env)).toMatchObject({ code: 0 })
  const rotated = await cleanups.cli(['keys', 'rotate'], env).ended
  expect(rotated).toEqual({ code: 0, stdout: '{"rotated":true,"bots":1}\n', stderr: '' })
  expect((await cleanups.command(['bots', 'list'], env)).stdout).toContain(ADA.appId)
})

it.each([
  { args: ['--help'], code: 0, stdout: 'Usage: feishu-supervisor', stderr: '' },
  { args: ['nonsense'], code: 1, stdout: '', stderr: "unknown command 'nonsense'" },
  { args: ['bots', 'add'], code: 1, stdout: '', stderr: "required option '--app-id <id>' not specified" },
])('$args ends with $code and says how it is used', async ({ args, code, stdout, stderr }) => {
  expect(await cleanups.command(args)).toEqual({
    code,
    stdout: expect.stringContaining(stdout),
    stderr: expect.stringContaining(stderr),
  })
})
