// Uses the packed package as strangers do: installed from its tarball into fresh CommonJS and ESM
// projects, on this Node and on the other supported ones, which come from the npm registry.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const OTHER_NODES = ['22', '24']

const CONSUMER = `
const { mkdtempSync, rmSync } = process.getBuiltinModule('node:fs')
const { join } = process.getBuiltinModule('node:path')
async function use({ createFeishuSupervisor, defineHandler }, { FeishuSimulator }) {
  if (typeof new FeishuSimulator().start !== 'function') throw new Error('the simulator is not there')
  if (typeof defineHandler(() => {}) !== 'function') throw new Error('defineHandler is not there')
  const dataDir = mkdtempSync(join(process.env.TMPDIR, 'data-'))
  const supervisor = createFeishuSupervisor({ dataDir })
  await supervisor.start()
  const { status } = await supervisor.fetch(new Request('http://localhost/readyz'))
  await supervisor.stop()
  if (status !== 200) throw new Error('not ready: ' + status)
}
`

// Its types stand on their own: no skipLibCheck, no types of Node or of its dependencies.
const TYPED = `
import { checkHistory, entryOf, FeishuSimulator } from 'feishu-supervisor/simulator'
const feishu = new FeishuSimulator({ timeScale: 0.01, assumptions: { lateAck: 'counts' } })
const reply = await feishu.user('Tom').chatWith(feishu.addApp()).say('hello').reply()
const { appId } = await feishu.once(entryOf('acked'), 1000)
feishu.failNext({ appId, call: 'reply', count: checkHistory(feishu.history.entries).lost + reply.text.length })
`

const folder = mkdtempSync(join(tmpdir(), 'feishu-supervisor-package-'))
let passed = 0
try {
  run('npm', ['run', '--silent', 'build'], ROOT)
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], ROOT))
  checkContents(packed.files.map(({ path }) => path))

  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', join(folder, packed.filename)], folder)
  writeFileSync(
    join(folder, 'consumer.cjs'),
    `${CONSUMER}use(require('feishu-supervisor'), require('feishu-supervisor/simulator'))`,
  )
  const imported = "await import('feishu-supervisor'), await import('feishu-supervisor/simulator')"
  writeFileSync(join(folder, 'consumer.mjs'), `${CONSUMER}await use(${imported})`)
  cpSync(join(ROOT, 'examples', 'bot-test'), join(folder, 'bot-test'), { recursive: true })

  writeFileSync(join(folder, 'typed.mts'), TYPED)
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false', '--types', '']
  check('types of the simulator', () =>
    run(process.execPath, [tsc, ...strict, '--target', 'es2022', '--module', 'nodenext', 'typed.mts'], folder),
  )

  const cli = join(folder, 'node_modules', 'feishu-supervisor', 'dist', 'cli.js')
  const others = OTHER_NODES.map(installNode)
  for (const node of [process.execPath, ...others]) {
    const version = run(node, ['--version'], folder).trim()
    for (const consumer of ['consumer.cjs', 'consumer.mjs']) {
      check(`${version} ${consumer}`, () => run(node, [consumer], folder))
    }
    check(`${version} examples/bot-test`, () => run(node, ['--test', 'bot-test/bot.test.mjs'], folder))
    check(`${version} demo --once`, () => process.stdout.write(lastLine(run(node, [cli, 'demo', '--once'], folder))))
  }
  for (const node of others) {
    const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` }
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
    check(`${version} npm test`, () =>
      execFileSync('npm', ['test'], { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] }),
    )
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.stdout.write(`${passed} passed, 0 failed\n`)

/** The Node binary of a major version as an ordinary package. */
function installNode(major) {
  const prefix = join(folder, `node-${major}`)
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', prefix, `${name}@${major}`], folder)
  return join(prefix, 'node_modules', name, 'bin', 'node')
}

/** What strangers need is in the package, and nothing else of ours. */
function checkContents(paths) {
  const simulator = ['dist/simulator/index.js', 'dist/simulator/index.d.ts', 'dist/simulator/page/index.html']
  const needed = [...simulator, 'dist/index.js', 'dist/index.d.ts', 'dist/cli.js', 'LICENSE', 'README.md']
  const workers = ['bot', 'chat', 'pglite', 'supervisor'].map((name) => `dist/workers/${name}.cjs`)
  for (const path of [...needed, ...workers]) {
    if (!paths.includes(path)) throw new Error(`the package lacks ${path}`)
  }
  const journal = JSON.parse(readFileSync(join(ROOT, 'drizzle', 'meta', '_journal.json'), 'utf8'))
  for (const { tag } of journal.entries) {
    if (!paths.includes(`drizzle/${tag}.sql`)) throw new Error(`the package lacks the migration ${tag}`)
  }
  const foreign = paths.filter((path) => !/^(dist|drizzle)\/|^(package\.json|LICENSE|README\.md)$/.test(path))
  if (foreign.length > 0) throw new Error(`the package holds ${foreign.join(', ')}`)
}

function check(name, runIt) {
  process.stdout.write(`${name}\n`)
  runIt()
  passed += 1
}

function run(command, args, cwd) {
  const env = { ...process.env, TMPDIR: folder }
  return execFileSync(command, args, {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 300_000,
  })
}

function lastLine(text) {
  return `${text.trim().split('\n').at(-1)}\n`
}
