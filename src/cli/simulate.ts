import { deferred } from '../core/time/deferred.ts'
import { FeishuSupervisorError } from '../core/errors.ts'
import type { SimulatedApp } from '../simulator/shared/app-directory.ts'
import type { HistoryEntry } from '../simulator/history/history.ts'
import { FeishuSimulator } from '../simulator/simulator.ts'
import type { CliContext } from './cli-context.ts'
import { narrateEntry, type Say, sayTo } from './demo/narrate.ts'

/** Flags as the command line parses them. */
export interface SimulateFlags {
  readonly host: string
  readonly port: string
  /** `id:secret` or `id:secret:name`. */
  readonly app: readonly string[]
  readonly timeScale: string
}

const DEFAULT_APP: SimulatedApp = { appId: 'cli_00000000000000a1', appSecret: 'not-a-secret', name: 'Helper' }

/** `simulate`: runs a local Feishu until SIGTERM or SIGINT. Prints how to connect a bot, then all messages. */
export async function simulate(
  flags: SimulateFlags,
  { stdout, onSignal }: Pick<CliContext, 'stdout' | 'onSignal'>,
): Promise<void> {
  const { host, port, timeScale, apps } = readFlags(flags)
  const simulator = new FeishuSimulator({ timeScale })
  for (const app of apps) simulator.addApp(app)
  const say = sayTo(stdout)
  const signalled = deferred()
  const offSignal = onSignal(() => signalled.resolve())
  try {
    const { url } = await simulator.start({ host, port })
    introduce(url, apps, say)
    simulator.history.subscribe((entry) => {
      const line = narrateEntry(entry, { bots: apps }) ?? narrateTrouble(entry)
      if (line !== undefined) say(line)
    })
    await signalled.promise
  } finally {
    offSignal()
    await simulator.stop()
  }
}

function introduce(url: string, apps: readonly SimulatedApp[], say: Say): void {
  say(`Feishu (simulated) listens on ${url}`)
  say('')
  for (const { name, appId, appSecret } of apps) say(`  ${name}  app id ${appId}  app secret ${appSecret}`)
  say('')
  say('Connect a bot: everything stays as it is, only the domain changes. With the official SDK for Node:')
  const { appId, appSecret } = apps[0] ?? DEFAULT_APP
  const parameters = `{ appId: '${appId}', appSecret: '${appSecret}', domain: '${url}' }`
  say(`  new Lark.Client(${parameters})`)
  say(`  new Lark.WSClient(${parameters})`)
  say('')
  say(`Write to it in the browser: ${url}/`)
  say('or with curl:')
  say(`  curl -d '${JSON.stringify({ appId, chatId: 'oc_1', text: 'hello' })}' ${url}/_simulator/messages`)
  say('')
  say('Where HTTP_PROXY is set, set NO_PROXY for this address too. Ctrl-C ends it.')
  say('')
}

/** Line about a problem that explains why a bot does not work; undefined for other entries. */
function narrateTrouble(entry: HistoryEntry): string | undefined {
  switch (entry.kind) {
    case 'discovery':
      return entry.code === 0 ? undefined : `connection of app "${entry.appId}" refused: code ${entry.code}`
    case 'reply_received':
      return entry.code === 0
        ? undefined
        : `${entry.call} of ${entry.appId ?? 'an unknown app'} refused: code ${entry.code}`
    case 'acked':
      return entry.code === 200 ? undefined : `event ${entry.eventId} answered with code ${entry.code}: it comes again`
    case 'ack_timeout':
      return `event ${entry.eventId} not acknowledged in time: it comes again`
    case 'push_failed':
      return `event ${entry.eventId}: the app has no connection, it comes again`
    default:
      return undefined
  }
}

function readFlags({ host, port, timeScale, app }: SimulateFlags): {
  readonly host: string
  readonly port: number
  readonly timeScale: number
  readonly apps: readonly SimulatedApp[]
} {
  const apps = app.map((flag) => {
    const [appId = '', appSecret = '', ...name] = flag.split(':')
    if (appSecret === '') throw invalid(`--app ${appId}: expected id:secret or id:secret:name`)
    return { appId, appSecret, name: name.join(':') || appId }
  })
  return {
    host,
    port: readNumber('--port', port, 65_535),
    timeScale: readNumber('--time-scale', timeScale, 1000),
    apps: apps.length > 0 ? apps : [DEFAULT_APP],
  }
}

function readNumber(flag: string, text: string, most: number): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= most)) {
    throw invalid(`${flag} ${text}: expected a number, 0 to ${most}`)
  }
  return value
}

function invalid(message: string): FeishuSupervisorError {
  return new FeishuSupervisorError('CONFIG_INVALID', message)
}
