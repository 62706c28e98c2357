import { text } from 'node:stream/consumers'
import { limitsOf, policyOf } from './bot-flags.ts'
import type { CliContext } from './cli-context.ts'
import type { CliConfig } from './environment.ts'
import { withStore } from './admin.ts'

export interface AddBotFlags {
  readonly appId: string
  readonly appSecret: string
  readonly name?: string
  readonly domain?: string
  readonly handler?: string
  readonly isolation?: string
  readonly useWebSocket?: boolean
  readonly limit: readonly string[]
  readonly policy: readonly string[]
}

/** `bots add`: stores one bot and prints it. */
export async function addBot(
  { options }: CliConfig,
  flags: AddBotFlags,
  { stdin, stdout }: Pick<CliContext, 'stdin' | 'stdout'>,
): Promise<void> {
  const { appId, appSecret, name, domain, isolation, handler, useWebSocket = false, limit, policy } = flags
  const secret = appSecret === '-' ? (await text(stdin)).trim() : appSecret
  await withStore(options, async (supervisor) => {
    const bot = await supervisor.addBot({
      appId,
      appSecret: secret,
      useWebSocket,
      ...(name === undefined ? {} : { name }),
      ...(domain === undefined ? {} : { domain }),
      ...(handler === undefined ? {} : { handler }),
      limits: limitsOf(limit),
      policy: policyOf(policy),
      // `addBot` checks the value like every field of a bot.
      ...(isolation === undefined ? {} : { isolation: isolation as 'thread' | 'process' }),
    })
    stdout.write(`${JSON.stringify(bot)}\n`)
  })
}

/** `bots list`: one JSON line per bot. */
export async function listBots({ options }: CliConfig, { stdout }: Pick<CliContext, 'stdout'>): Promise<void> {
  await withStore(options, async (supervisor) => {
    for (const bot of await supervisor.listBots()) stdout.write(`${JSON.stringify(bot)}\n`)
  })
}
