import { text } from 'node:stream/consumers'
import { type FeishuSupervisor, openForAdministration } from '../app/feishu-supervisor.ts'
import type { CliConfig } from './environment.ts'

/** `bots add`: stores one bot and prints it. */
export async function addBot({ options }: CliConfig, flags: Readonly<Record<string, string>>): Promise<void> {
  const { appId = '', appSecret = '', name, domain } = flags
  const secret = appSecret === '-' ? (await text(process.stdin)).trim() : appSecret
  await withStore(options, async (supervisor) => {
    const bot = await supervisor.addBot({
      appId,
      appSecret: secret,
      ...(name === undefined ? {} : { name }),
      ...(domain === undefined ? {} : { domain }),
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

async function withStore(
  options: CliConfig['options'],
  run: (supervisor: FeishuSupervisor) => Promise<void>,
): Promise<void> {
  const supervisor = openForAdministration(options)
  try {
    await supervisor.start()
    await run(supervisor)
  } finally {
    await supervisor.stop(0)
  }
}
