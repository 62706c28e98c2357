import { text } from 'node:stream/consumers'
import type { CliConfig } from './environment.ts'
import { withStore } from './with-store.ts'

/** `bots add`: stores one bot and prints it. */
export async function addBot({ options }: CliConfig, flags: Readonly<Record<string, string>>): Promise<void> {
  const { appId = '', appSecret = '', name, domain, isolation, handler } = flags
  const secret = appSecret === '-' ? (await text(process.stdin)).trim() : appSecret
  await withStore(options, async (supervisor) => {
    const bot = await supervisor.addBot({
      appId,
      appSecret: secret,
      ...(name === undefined ? {} : { name }),
      ...(domain === undefined ? {} : { domain }),
      ...(handler === undefined ? {} : { handler }),
      // Checked like every field of a bot.
      ...(isolation === undefined ? {} : { isolation: isolation as 'thread' | 'process' }),
    })
    process.stdout.write(`${JSON.stringify(bot)}\n`)
  })
}

/** `bots list`: one JSON line per bot. */
export async function listBots({ options }: CliConfig): Promise<void> {
  await withStore(options, async (supervisor) => {
    for (const bot of await supervisor.listBots()) process.stdout.write(`${JSON.stringify(bot)}\n`)
  })
}
