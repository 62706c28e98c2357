// What an editor and a strict compiler see of the packed package: `node test/package/types.mjs FOLDER`, where FOLDER is
// a project in which the package, NestJS 12 and the types of Node are installed.
import { execFileSync } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript-5'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const folder = resolve(process.argv[2])

const USE = `
import { createFeishuSupervisor, defineHandlers, HandlerError, type BotReport, type MessageSummary } from 'feishu-supervisor'
import { FeishuConnections, FeishuSupervisorModule } from 'feishu-supervisor/nestjs'
import { FeishuSimulator } from 'feishu-supervisor/simulator'

const supervisor = /*1*/createFeishuSupervisor({
  /*2*/handler: 'echo',
  /*3*/supervision: { /*4*/hangAfterMs: 5_000, backoff: { /*5*/firstMs: 1 } },
  /*6*/health: { /*7*/oldestAgeMs: 1 },
  connection: { /*8*/proxy: 'http://proxy.example:3128' },
  messages: { /*9*/maxAttempts: 3, /*10*/policy: { /*11*/groups: 'all' }, /*12*/repliesPerSecond: 1 },
})
supervisor./*13*/addBot({ appId: '', appSecret: '', /*14*/useWebSocket: true, limits: { /*15*/inboundPerSecond: 1 } })
supervisor./*16*/updateBot('', { /*17*/enabled: true }, { /*18*/by: 'ann' })
supervisor./*19*/listDeadLetters({ /*20*/before: 1 })
supervisor./*21*/createToken({ owner: 'ann', /*22*/expiresInDays: 1 })
supervisor./*23*/start()
export const handlers = defineHandlers({
  async message(message, ctx) {
    await ctx./*24*/reply(message./*25*/text)
    ctx./*26*/secret('x')
    throw new /*27*/HandlerError('full', { /*28*/retryAfterMs: 1 })
  },
})
FeishuSupervisorModule.register({ /*29*/path: '/bots', authorize: (request, context) => null, /*30*/dataDir: './data' })
const connections = new FeishuConnections(supervisor)
connections./*31*/connect({ id: '1' })
connections./*32*/startWsConnection('1')
new FeishuSimulator({ /*33*/timeScale: 1, limits: { /*34*/perChat: 1 }, assumptions: { /*35*/lateAck: 'counts' } })
export const names = (report: BotReport, message: MessageSummary) => [report, message]
supervisor./*36*/stop()
`

/** What stands at a mark: the owner or name in the first line of the hover, and words of its text. */
const HOVERS = {
  1: ['createFeishuSupervisor(options?: FeishuSupervisorOptions): FeishuSupervisor', 'does nothing until `start()`'],
  2: ['FeishuSupervisorOptions.handler?', 'Who answers'],
  3: ['FeishuSupervisorOptions.supervision?', 'watched and restarted'],
  4: ['SupervisionOptions.hangAfterMs?', 'Default: 10 000 ms'],
  5: ['BackoffOptions.firstMs?', 'first retry, milliseconds'],
  6: ['FeishuSupervisorOptions.health?', 'raises an `alert`'],
  7: ['HealthOptions.oldestAgeMs?', 'Default: 600 000 ms'],
  8: ['ConnectionOptions.proxy?', 'HTTP proxy'],
  9: ['MessageHandlingOptions.maxAttempts?', 'Default: 5'],
  10: ['MessageHandlingOptions.policy?', 'Which messages are answered'],
  11: ['BotPolicy.groups?', 'Default: `mentioned`'],
  12: ['MessageHandlingOptions.repliesPerSecond?', 'Default: 50 per second'],
  13: ['FeishuSupervisor.addBot(', 'Stores a bot and starts it'],
  14: ['NewBotOptions.useWebSocket?', 'Default: false'],
  15: ['inboundPerSecond?', 'Default: `messages.inboundPerSecond`'],
  16: ['FeishuSupervisor.updateBot(', '`CONNECTION_LIMIT`'],
  17: ['BotChange.enabled?', 'has no worker'],
  18: ['AuditOptions.by?', 'audit log'],
  19: ['FeishuSupervisor.listDeadLetters(', 'given up'],
  20: ['DeadLetterQuery.before?', 'milliseconds since the epoch'],
  21: ['FeishuSupervisor.createToken(', 'only a hash is stored'],
  22: ['NewTokenOptions.expiresInDays?', 'Default: 90 days'],
  23: ['FeishuSupervisor.start(', '`HANDLER_UNLOADABLE`'],
  24: ['ChatContext.reply(', 'Resolves at once'],
  25: ['InboundMessage.text', 'as text'],
  26: ['ChatContext.secret(', 'in the options'],
  27: ['new HandlerError(', 'how its message goes on'],
  28: ['HandlerErrorOptions.retryAfterMs?', 'in milliseconds'],
  29: ['FeishuSupervisorModuleOptions.path?', 'Path at which the HTTP API is mounted'],
  30: ['dataDir?', 'Default: `./data`'],
  31: ['FeishuConnections.connect(', 'long connection'],
  32: ['FeishuConnections.startWsConnection(', 'Use `connect({ id: botId })`'],
  33: ['SimulatorOptions.timeScale?', 'Default: 1'],
  34: ['perChat?', 'Default: 5 per second'],
  35: ['lateAck?', 'Default: `ignored`'],
  36: ['FeishuSupervisor.stop(', 'May be called at any time and twice'],
}

/** Members for our own code alone. */
const INTERNAL = ['authenticate', 'connectionOf', 'metrics', 'takeWebhook', 'killBot', 'killSupervisor', 'call']

const options = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: true,
}
const path = join(folder, 'use.mts')
writeFileSync(path, USE)
const service = ts.createLanguageService({
  getScriptFileNames: () => [path],
  getScriptVersion: () => '1',
  getScriptSnapshot: (file) =>
    ts.sys.fileExists(file) ? ts.ScriptSnapshot.fromString(ts.sys.readFile(file)) : undefined,
  getCurrentDirectory: () => folder,
  getCompilationSettings: () => options,
  getDefaultLibFileName: ts.getDefaultLibFilePath,
  fileExists: ts.sys.fileExists,
  readFile: ts.sys.readFile,
  readDirectory: ts.sys.readDirectory,
  directoryExists: ts.sys.directoryExists,
  getDirectories: ts.sys.getDirectories,
})

const failures = []
for (const { messageText } of service.getSemanticDiagnostics(path)) {
  failures.push(`use.mts does not compile: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
}
for (const [mark, [head, text]] of Object.entries(HOVERS)) {
  const info = service.getQuickInfoAtPosition(path, USE.indexOf(`/*${mark}*/`) + `/*${mark}*/`.length)
  const shown = ts.displayPartsToString(info?.displayParts)
  const tags = (info?.tags ?? []).map((tag) => ts.displayPartsToString(tag.text)).join(' ')
  const documentation = `${ts.displayPartsToString(info?.documentation)} ${tags}`.replaceAll(/\s+/g, ' ')
  if (!shown.includes(head)) failures.push(`hover ${mark}: expected ${head}, got ${shown}`)
  if (!documentation.includes(text))
    failures.push(`hover ${mark} (${shown}): expected "${text}", got "${documentation}"`)
}
const members = service.getCompletionsAtPosition(path, USE.indexOf('/*23*/') + '/*23*/'.length, {})
const offered = members.entries.map(({ name }) => name)
for (const name of INTERNAL) if (offered.includes(name)) failures.push(`completion offers the internal ${name}`)
if (!offered.includes('listDeadLetters')) failures.push('completion does not offer listDeadLetters')
if (failures.length > 0) throw new Error(failures.join('\n'))

// Our own declarations compile too, and a host of 0.1 does.
cpSync(new URL('consumer-0.1.mts', import.meta.url), join(folder, 'consumer-0.1.mts'))
const tsc = (...rest) => {
  const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2023', '--module', 'nodenext']
  const args = [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), ...strict, '--types', 'node', ...rest]
  try {
    execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  } catch (cause) {
    throw new Error(cause.stdout, { cause })
  }
}
tsc('--skipLibCheck', 'false', 'consumer-0.1.mts')
tsc('--skipLibCheck', 'true', 'use.mts')
process.stdout.write(`${Object.keys(HOVERS).length} hovers\n`)
