import { afterEach, expect, it } from 'vitest'
import { ADA, Cleanups } from '../support/system.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

it('refuses a malformed app id and a second bot of the same app', async () => {
  const env = { FS_DATA_DIR: await cleanups.dataDir() }
  const malformed = await cleanups.command(['bots', 'add', '--app-id', 'cli_xyz', '--app-secret', 'fake'], env)
  expect(malformed).toMatchObject({ code: 1, stderr: expect.stringMatching(/appId: expected cli_/) })
  const add = ['bots', 'add', '--app-id', ADA.appId, '--app-secret']
  const added = cleanups.cli([...add, '-'], env)
  added.child.stdin?.end('fake-once\n')
  expect(await added.ended).toMatchObject({ code: 0, stderr: '' })
  const again = await cleanups.command([...add, 'fake-once'], env)
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('BOT_EXISTS') })
  const listed = await cleanups.cli(['bots', 'list'], env).ended
  expect(listed.stdout).toContain(ADA.appId)
  expect(listed.stdout).not.toContain('fake-once')
})
