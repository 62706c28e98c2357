import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { checkHistory } from '../../src/simulator/history/check-history.ts'
import { ADA, addConnected, Cleanups, eventOf } from '../support/system.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

/** Fails until the folder holds a file named `mended`. */
async function brokenHandler(folder: string): Promise<string> {
  const path = join(folder, 'broken.mjs')
  await writeFile(
    path,
    `import { existsSync } from 'node:fs'
     export default async (message, ctx) => {
       if (!existsSync(${JSON.stringify(join(folder, 'mended'))})) throw new Error('the backend is broken')
       await ctx.reply('re: ' + message.text)
     }`,
  )
  return path
}

/** A folder whose bot has given up a message for each of the texts. */
async function givenUp(...texts: string[]) {
  const simulator = await cleanups.simulator()
  const folder = await cleanups.dataDir()
  const options = { dataDir: folder, handler: await brokenHandler(folder), messages: { maxAttempts: 1 } }
  const supervisor = cleanups.supervisor(options)
  await supervisor.start()
  const botId = await addConnected(supervisor, ADA, simulator.url)
  for (const text of texts) {
    const isDead = eventOf(supervisor, 'message', ({ stage }) => stage === 'dead')
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text })
    await isDead
  }
  const mend = () => writeFile(join(folder, 'mended'), '')
  const answered = async (count: number) => {
    await simulator.client.waitForReplies({ count, timeoutMs: 20_000 })
    expect(checkHistory(await simulator.client.history())).toMatchObject({ replied: count, duplicated: 0 })
  }
  return { folder, options, supervisor, botId, mend, answered }
}

it('what was given up is listed with its reason, and answered once after it was put back', {
  timeout: 60_000,
}, async () => {
  const { supervisor, botId, mend, answered } = await givenUp('first', 'second')
  const [second, first] = (await supervisor.listDeadLetters()).items
  expect(first).toMatchObject({ kind: 'event', botId, attempt: 1, error: { message: 'the backend is broken' } })
  expect(first?.payload).toContain('first')
  expect(second?.payload).toContain('second')
  expect((await supervisor.listDeadLetters({ limit: 1, offset: 1 })).items).toEqual([first])
  expect(await supervisor.listDeadLetters({ before: second!.endedAt })).toEqual({ items: [first], total: 2 })
  expect(await supervisor.listDeadLetters({ before: Infinity })).toEqual({ items: [second, first], total: 2 })
  expect(await supervisor.listDeadLetters({ botIds: [botId], limit: 1 })).toEqual({ items: [second], total: 2 })
  expect(await supervisor.listDeadLetters({ botIds: ['bot_none'] })).toEqual({ items: [], total: 0 })
  const both = supervisor.listDeadLetters({ botIds: [botId], before: Infinity })
  await expect(both).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(/^before: /) })
  expect((await supervisor.status()).inbox).toMatchObject({ depth: 0, dead: 2 })

  await mend()
  const { eventId } = first!
  await supervisor.resubmit({ eventId })
  await answered(1)
  expect((await supervisor.listDeadLetters()).items).toEqual([second])
  await expect(supervisor.resubmit({ eventId })).rejects.toMatchObject({ code: 'DEAD_LETTER_NOT_FOUND' })
})

it('the command line lists dead letters and puts them back, for the next start', { timeout: 60_000 }, async () => {
  const { supervisor, folder, options, mend, answered } = await givenUp('first')
  const [letter] = (await supervisor.listDeadLetters()).items
  await supervisor.stop()

  const env = { FS_DATA_DIR: folder }
  const listed = await cleanups.cli(['dead-letters', 'list', '--limit', '5'], env).ended
  expect(listed).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(listed.stdout)).toEqual(letter)
  const { eventId } = letter!
  const putBack = await cleanups.cli(['dead-letters', 'resubmit', String(eventId)], env).ended
  expect(putBack).toMatchObject({ code: 0, stdout: `{"eventId":${eventId},"resubmitted":true}\n` })

  await mend()
  await cleanups.supervisor(options).start()
  await answered(1)
})

it.each([
  [['resubmit', 'x1'], 'the event id: expected a whole number, not "x1"'],
  [['resubmit', '1', '--part', 'last'], '--part: expected a whole number, not "last"'],
  [['list', '--limit', '-3'], '--limit: expected a whole number, not "-3"'],
  [['list', '--before', 'yesterday'], '--before: expected the endedAt of a dead letter or a time like'],
])('refuses %j, naming the field', async (args, message) => {
  const ended = await cleanups.command(['dead-letters', ...args], { FS_DATA_DIR: await cleanups.folder() })
  expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining(message) })
})
