import { createFeishuSupervisor } from '../app/create-feishu-supervisor.ts'
import type { FeishuSupervisor } from '../app/feishu-supervisor.ts'
import { deferred } from '../core/time/deferred.ts'
import { errorText } from '../core/errors.ts'
import { connectionView } from '../http/schema/status-view.ts'
import type { CliContext } from './cli-context.ts'
import type { CliConfig } from './environment.ts'
import { logPrinter, type Output } from './print-log.ts'
import { serve } from './serve.ts'
import { firstToken } from './tokens.ts'

/** `start`: runs until SIGTERM or SIGINT, then drains. A second signal ends the process at once. */
export async function start({ host, port, log, options }: CliConfig, context: CliContext): Promise<void> {
  const { stdout, stderr } = context
  const stopWanted = deferred()
  let signalCount = 0
  const offSignal = context.onSignal(() => {
    signalCount += 1
    if (signalCount > 1) context.kill()
    stopWanted.resolve()
  })

  const supervisor = createFeishuSupervisor(options)
  supervisor.on(
    'log',
    logPrinter({ ...log, format: log.format ?? (stderr.isTTY === true ? 'text' : 'json') }, context.log),
  )
  const server = await serve(supervisor.fetch, { host, port })
  try {
    const started = supervisor.start()
    await Promise.race([started, stopWanted.promise])
    if (signalCount === 0) {
      const { bots } = await supervisor.status()
      stdout.write(`feishu-supervisor is running: ${server.url}\n`)
      stdout.write(`status page: ${server.url}/\n`)
      if (bots.length === 0) stdout.write('there are no bots yet: feishu-supervisor bots add --help\n')
      if (options.apiToken === undefined) await printFirstToken(supervisor, stdout)
      for (const bot of bots) stdout.write(`${bot.botId}  ${bot.name}  ${connectionView(bot, 1).state}\n`)
    }
    await stopWanted.promise
    await supervisor.stop()
    await started.catch(() => {})
  } finally {
    await server.close()
    offSignal()
  }
  if ((await supervisor.status()).state !== 'stopped') context.kill()
}

/** Prints the first admin token, once per database. If that fails, a token can be made later. */
async function printFirstToken(supervisor: FeishuSupervisor, stdout: Output): Promise<void> {
  try {
    const token = await firstToken(supervisor)
    if (token === undefined) return
    stdout.write(`API token of the admin, shown this once: ${token}\n`)
  } catch (thrown) {
    stdout.write(`no API token could be made: ${errorText(thrown)}: feishu-supervisor tokens create --help\n`)
  }
}
