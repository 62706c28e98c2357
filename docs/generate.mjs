// Writes docs/options.md and docs/errors.md: `npm run docs`. With `--check` it writes nothing and fails if they are
// not up to date. Options come from the doc comments of the built types, which are what an editor shows; codes from
// their table; variables from that of the command line.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript-5'
import { VARIABLES } from '../dist/cli/variables.js'
import { ERROR_CODES } from '../dist/core/error-codes.js'

const DIST = fileURLToPath(new URL('../dist/', import.meta.url))
const ENTRIES = ['index.d.ts', 'nest/index.d.ts', 'simulator/index.d.ts'].map((path) => `${DIST}${path}`)

const program = ts.createProgram(ENTRIES, {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
})
const checker = program.getTypeChecker()

/** The sections of docs/options.md: an exported interface, and how its options are called in FS_ variables. */
const SECTIONS = [
  {
    title: 'createFeishuSupervisor',
    type: 'FeishuSupervisorOptions',
    prefix: '',
    text: 'All are optional. `feishu-supervisor start` takes the same options from the variables in the last column.',
  },
  {
    title: 'Handler of a module',
    type: 'ModuleHandler',
    text: 'A module of your own: `handler: { module: "./answer.mjs", … }`. In `FS_HANDLER` and `FS_HANDLERS` the options follow the path: `./answer.mjs?runsPerThread=1`.',
  },
  {
    title: 'Handler `http`',
    type: 'HttpHandler',
    prefix: 'http.',
    text: 'One of the built-in handlers: `handler: { builtIn: "http", … }`.',
  },
  {
    title: 'Handler `openai`',
    type: 'OpenAiHandler',
    prefix: 'openai.',
    text: 'One of the built-in handlers: `handler: { builtIn: "openai", … }`.',
  },
  {
    title: 'addBot',
    type: 'NewBotOptions',
    text: 'The same fields are those of `POST /api/feishu/bots`, and, with an `id`, of a bot in `botSource`.',
  },
  { title: 'updateBot', type: 'BotChange', text: 'At least one field. What is not given stays as it is.' },
  { title: 'createToken', type: 'NewTokenOptions', text: '' },
  { title: 'Lists', type: 'MessageQuery', text: '`listMessages(query)`.' },
  { title: 'Dead letters', type: 'DeadLetterQuery', text: '`listDeadLetters(query)`.' },
  { title: 'Audit log', type: 'AuditQuery', text: '`auditLog(query)`.' },
  {
    title: 'Orders',
    type: 'AuditOptions',
    text: 'The last argument of `addBot`, `updateBot`, `removeBot`, `restartBot`, `resubmit`, `createToken`, `revokeToken` and `rotateKeys`.',
  },
  {
    title: 'HandlerError',
    type: 'HandlerErrorOptions',
    text: '`throw new HandlerError(message, options)`, from a handler.',
  },
  {
    title: 'FeishuSupervisorModule',
    type: 'FeishuSupervisorModuleOptions',
    entry: 1,
    own: true,
    text: 'The options of `createFeishuSupervisor`, and these of the NestJS module.',
  },
  {
    title: 'FeishuSimulator',
    type: 'SimulatorOptions',
    entry: 2,
    text: 'For tests ([simulator.md](simulator.md)). [D] documented, [S] read in the source of the SDK, [F] reported from the field, [A] assumed.',
  },
  {
    title: 'launchSimulator',
    type: 'SimulatorConfig',
    entry: 2,
    own: true,
    text: 'The options of `FeishuSimulator`, and these.',
  },
]

const UNITS = [
  [/Ms$/, 'ms'],
  [/Mb$/, 'MB'],
  [/Bytes$/, 'bytes'],
  [/PerSecond$/, 'per second'],
  [/InDays$/, 'days'],
  [/^(ReconnectInterval|ReconnectNonce|PingInterval)$/, 's'],
]

const NOTE = 'This page is made of the comments in the source by `npm run docs`; do not edit it.'

const pages = { 'options.md': optionsPage(), 'errors.md': errorsPage() }
for (const [name, text] of Object.entries(pages)) {
  const url = new URL(name, import.meta.url)
  if (!process.argv.includes('--check')) writeFileSync(url, text)
  else if (readFileSync(url, 'utf8') !== text) throw new Error(`docs/${name} is not up to date: npm run docs`)
}

function optionsPage() {
  const parts = SECTIONS.map(({ title, type, text, prefix, entry = 0, own = false }) => {
    const rows = optionsOf(typeNamed(type, entry), '', own).map((option) => row(option, prefix))
    return [`## ${title}`, text, table(['option', 'unit', 'default', 'meaning', 'variable'], rows)]
      .filter(Boolean)
      .join('\n\n')
  })
  const own = Object.entries(VARIABLES).flatMap(([name, { meaning, defaultsTo }]) =>
    meaning === undefined ? [] : [[`\`${name}\``, defaultsTo, meaning]],
  )
  parts.push(`## Variables of the command line alone\n\n${table(['variable', 'default', 'meaning'], own)}`)
  return `# Options\n\n${NOTE}\n\n${parts.join('\n\n')}\n`
}

function errorsPage() {
  const rows = Object.entries(ERROR_CODES).map(([code, { meaning, mend, actor, retryable }]) => [
    `\`${code}\``,
    meaning,
    mend,
    actor === 'us' ? 'this package' : actor,
    retryable ? 'yes' : 'no',
  ])
  const text =
    'Every error of this package is a `FeishuSupervisorError` with a `code`. Match `error.code`, not the class: a class does not survive a thread or a second copy of the package. ' +
    'The same codes stand in `error` of a dead letter, of `lastExit` and of `store` in the status. `retryable` says whether the same call may succeed later without anybody changing anything; ' +
    '`ERROR_CODES` has this table as data.'
  return `# Error codes\n\n${NOTE}\n\n${text}\n\n${table(['code', 'meaning', 'what to do', 'who', 'retryable'], rows)}\n`
}

function typeNamed(name, entry) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(ENTRIES[entry]))
  const found = checker.getExportsOfModule(module).find((symbol) => symbol.name === name)
  if (found === undefined) throw new Error(`there is no exported type ${name}`)
  return checker.getDeclaredTypeOfSymbol(found.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(found) : found)
}

/** The options of an interface; those of a group follow it under its name. */
function optionsOf(type, prefix, own) {
  return type.getProperties().flatMap((property) => {
    // What an interface inherits stands in the section of that interface.
    if (own && property.parent !== type.symbol) return []
    const name = `${prefix}${property.name}`
    const text = ts.displayPartsToString(property.getDocumentationComment(checker)).replaceAll(/\s+/g, ' ').trim()
    if (text === '') throw new Error(`the option ${name} has no documentation`)
    const group = groupOf(checker.getTypeOfSymbol(property))
    const option = { name, last: property.name, ...split(text) }
    if (group === undefined) return [option]
    const defaults = defaultsOf(option.default)
    const inner = optionsOf(group, `${name}.`, false).map((one) => ({
      ...one,
      default: defaults[one.last] ?? one.default,
    }))
    return [{ ...option, default: defaults[Symbol.for('any')] === undefined ? option.default : '' }, ...inner]
  })
}

/** A nested group of options: an object of ours whose fields are options, not a function or a source of the host. */
function groupOf(type) {
  const objects = (type.isUnion() ? type.types : [type]).filter((one) => one.flags & ts.TypeFlags.Object)
  const [only] = objects
  if (objects.length !== 1 || only.getCallSignatures().length > 0 || checker.isArrayLikeType(only)) return undefined
  if (only.getStringIndexType() !== undefined) return undefined
  const names = [
    only.aliasSymbol?.name,
    only.symbol.name,
    ...(only.aliasTypeArguments ?? []).map((one) => one.symbol?.name),
  ]
  return names.some((name) => /Options$|^Bot(Limits|Policy)$|^(ClientConfig|RateLimits|Assumptions)$/.test(name ?? ''))
    ? only
    : undefined
}

/** The comment without its last sentence, which says the default. */
function split(text) {
  const [, meaning = text, isDefault = ''] = /^(.*?)\s*Default: (.*)\.$/.exec(text) ?? []
  const [, required] = /^(.*?)\s*Required\.$/.exec(text) ?? []
  return required === undefined ? { meaning, default: isDefault } : { meaning: required, default: 'required' }
}

/** `` `firstMs` 500, `maxMs` 30 000 `` as the defaults of a group's fields. */
function defaultsOf(text) {
  const pairs = [...text.matchAll(/`(\w+)` ([\d .]*\d)/g)].map(([, name, value]) => [name, value])
  return Object.fromEntries(pairs.length === 0 ? [] : [...pairs, [Symbol.for('any'), true]])
}

function row({ name, last, meaning, default: isDefault }, prefix) {
  const unit = UNITS.find(([pattern]) => pattern.test(last))?.[1] ?? ''
  const bare = unit === '' ? isDefault : isDefault.replace(new RegExp(`^([\\d ]+) ${unit}`), '$1')
  const variables = Object.entries(VARIABLES).flatMap(([variable, { option }]) =>
    prefix !== undefined && option === `${prefix}${name}` ? [`\`${variable}\``] : [],
  )
  return [`\`${name}\``, unit, bare, meaning, variables.join(', ')]
}

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')
}
