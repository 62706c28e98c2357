import { createFeishuSupervisor, type FeishuSupervisor } from '../app/feishu-supervisor.ts'
import { deferred } from '../core/time/deferred.ts'
import { errorText } from '../core/errors.ts'
import { connectionView } from '../http/schema/status-view.ts'
import type { CliConfig } from './environment.ts'
import { logPrinter } from './print-log.ts'
import { serve } from './serve.ts'
import { firstToken } from './tokens.ts'

/** `start`: runs until SIGTERM or SIGINT, then drains; a second signal ends the process at once. */
export async function start({ host, port, log, options }: CliConfig): Promise<void> {
  const stopWanted = deferred()
  let signalCount = 0
  const onSignal = (): void => {
    signalCount += 1
    if (signalCount > 1) endNow()
    stopWanted.resolve()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)

  const supervisor = createFeishuSupervisor(options)
  supervisor.on('log', logPrinter({ ...log, format: log.format ?? (process.stderr.isTTY ? 'text' : 'json') }))
  const server = await serve(supervisor.fetch, { host, port })
  try {
    const started = supervisor.start()
    await Promise.race([started, stopWanted.promise])
    if (signalCount === 0) {
      const { bots } = await supervisor.status()
      process.stdout.write(`feishu-supervisor is running: ${server.url}\n`)
      process.stdout.write(`status page: ${server.url}/\n`)
      if (bots.length === 0) process.stdout.write('there are no bots yet: feishu-supervisor bots add --help\n')
      if (options.apiToken === undefined) await printFirstToken(supervisor)
      for (const bot of bots) process.stdout.write(`${bot.botId}  ${bot.name}  ${connectionView(bot, 1).state}\n`)
    }
    await stopWanted.promise
    await supervisor.stop()
    await started.catch(() => {})
  } finally {
    await server.close()
    process.off('SIGTERM', onSignal)
    process.off('SIGINT', onSignal)
  }
  if ((await supervisor.status()).state !== 'stopped') endNow()
}

/** Nothing else ends a process for certain: `process.exit` waits for threads, and one in native code may never end. */
function endNow(): void {
  process.kill(process.pid, 'SIGKILL')
}

/** Once per database. Without it the API can still be used with a token that is made later. */
async function printFirstToken(supervisor: FeishuSupervisor): Promise<void> {
  try {
    const token = await firstToken(supervisor)
    if (token === undefined) return
    process.stdout.write(`API token of the admin, shown this once: ${token}\n`)
  } catch (thrown) {
    process.stdout.write(`no API token could be made: ${errorText(thrown)}: feishu-supervisor tokens create --help\n`)
  }
}
