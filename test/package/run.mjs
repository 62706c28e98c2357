// Uses the packed package as strangers do: installed from its tarball into fresh CommonJS and ESM
// projects, on this Node and on the other supported ones, which come from the npm registry.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** What differs most between versions of Node: threads, sockets, HTTP servers and loading of modules. */
const CLOSE_TO_NODE = ['workers', 'handlers', 'threads', 'http', 'nest'].map((name) => `test/${name}`)
/** The tests of `npm test` that run on each besides: all on the newest, since the oldest is for `npm test` itself. */
const OTHER_NODES = [
  { major: '22', tests: CLOSE_TO_NODE },
  { major: '24', tests: CLOSE_TO_NODE },
  { major: '26', tests: [] },
]

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

/** The hosts that examples/nestjs is built as, with what differs in its main.ts. */
const NEST = [
  {
    name: 'NestJS 11, CommonJS, Express',
    type: 'commonjs',
    packages: nestPackages('11.2.10', 'express'),
    // Where a module finds the prefix is nothing that NestJS promises.
    edit: (main) => main.replace("PREFIX = 'api'", "PREFIX = 'internal/v1'"),
  },
  {
    name: 'NestJS 12, ESM, Fastify',
    type: 'module',
    packages: nestPackages('12.5.1', 'fastify@12.5.0'),
    edit: (main) =>
      `import { FastifyAdapter } from '@nestjs/platform-fastify'\n${main.replace('create(AppModule)', 'create(AppModule, new FastifyAdapter())')}`,
  },
]

// Its types stand on their own: no skipLibCheck, no types of Node or of its dependencies.
const TYPED = `
import { checkHistory, entryOf, FeishuSimulator } from 'feishu-supervisor/simulator'
const feishu = new FeishuSimulator({ timeScale: 0.01, assumptions: { lateAck: 'counts' } })
const reply = await feishu.user('Tom').chatWith(feishu.addApp()).say('hello').reply()
const { appId } = await feishu.once(entryOf('acked'), 1000)
feishu.failNext({ appId, call: 'reply', count: checkHistory(feishu.history.entries).lost + reply.text.length })
`

// A folder that is not there would run nothing, and say that all is well.
const missing = CLOSE_TO_NODE.filter((path) => !existsSync(join(ROOT, path)))
if (missing.length > 0) throw new Error(`there are no tests in ${missing.join(', ')}`)

const folder = mkdtempSync(join(tmpdir(), 'feishu-supervisor-package-'))
let passed = 0
try {
  // Files that an older build left behind would be packed too.
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true })
  run('npm', ['run', '--silent', 'build'], ROOT)
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], ROOT))
  checkContents(packed.files.map(({ path }) => path))

  const tarball = join(folder, packed.filename)
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  install(folder, tarball)
  writeFileSync(
    join(folder, 'consumer.cjs'),
    `${CONSUMER}use(require('feishu-supervisor'), require('feishu-supervisor/simulator'))`,
  )
  const imported = "await import('feishu-supervisor'), await import('feishu-supervisor/simulator')"
  writeFileSync(join(folder, 'consumer.mjs'), `${CONSUMER}await use(${imported})`)
  for (const example of ['bot-test', 'plain', 'handler']) copyExample(example, join(folder, example))
  const hosts = NEST.map(({ name, ...host }, index) => ({ name, path: nestHost(`nest-${index}`, host, tarball) }))
  for (const script of ['host', 'plain', 'handler', 'nestjs']) {
    cpSync(join(ROOT, 'test', 'package', 'examples', `${script}.mjs`), join(folder, `${script}.mjs`))
  }

  const linters = join(folder, 'linters')
  install(linters, 'publint@0.3.25', '@arethetypeswrong/cli@0.18.5')
  const linter = (name) => join(linters, 'node_modules', '.bin', name)
  check('publint', () => run(linter('publint'), ['run', '--strict', tarball], folder))
  // CommonJS hosts require ES modules, which every supported Node can.
  check('are the types wrong', () => run(linter('attw'), [tarball, '--ignore-rules', 'cjs-resolves-to-esm'], folder))

  writeFileSync(join(folder, 'typed.mts'), TYPED)
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false', '--types', '']
  check('types of the simulator', () =>
    run(process.execPath, [tsc, ...strict, '--target', 'es2022', '--module', 'nodenext', 'typed.mts'], folder),
  )

  // The second host has all that the types name.
  check('hovers, and types of a 0.1 host', () =>
    process.stdout.write(
      lastLine(run(process.execPath, [join(ROOT, 'test', 'package', 'types.mjs'), hosts[1].path], folder)),
    ),
  )

  const cli = join(folder, 'node_modules', 'feishu-supervisor', 'dist', 'cli.js')
  const others = OTHER_NODES.map(({ major, tests }) => ({ node: installNode(major), tests }))
  for (const [index, node] of [process.execPath, ...others.map((other) => other.node)].entries()) {
    const version = run(node, ['--version'], folder).trim()
    for (const consumer of ['consumer.cjs', 'consumer.mjs']) {
      check(`${version} ${consumer}`, () => run(node, [consumer], folder))
    }
    check(`${version} examples/bot-test`, () => run(node, ['--test', 'bot-test/bot.test.mjs'], folder))
    for (const example of ['plain', 'handler']) {
      check(`${version} examples/${example}`, () => run(node, [`${example}.mjs`, join(folder, example)], folder))
    }
    // Both here, and one on each of the others.
    for (const { name, path } of hosts.filter((_host, which) => index === 0 || which === index % hosts.length)) {
      check(`${version} examples/nestjs on ${name}`, () => run(node, ['nestjs.mjs', path], folder, pathTo(node)))
    }
    check(`${version} demo --once`, () => process.stdout.write(lastLine(run(node, [cli, 'demo', '--once'], folder))))
  }
  // It takes minutes on each: --no-suite leaves it out.
  for (const { node, tests } of process.argv.includes('--no-suite') ? [] : others) {
    const env = { ...process.env, PATH: pathTo(node) }
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
    check([version, 'npm test', ...tests].join(' '), () =>
      execFileSync('npm', ['test', '--', ...tests], { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] }),
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
  install(prefix, `${name}@${major}`)
  return join(prefix, 'node_modules', name, 'bin', 'node')
}

/** Whatever that Node starts is started with it, and finds our compiler. */
function pathTo(node) {
  return [dirname(node), join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter)
}

function nestPackages(version, platform) {
  const core = ['common', 'core'].map((name) => `@nestjs/${name}@${version}`)
  const adapter = `@nestjs/platform-${platform.includes('@') ? platform : `${platform}@${version}`}`
  return [...core, adapter, 'reflect-metadata@0.2.2', 'rxjs@7.8.2', '@types/node@20.19.43']
}

/** examples/nestjs as a project of its own. */
function nestHost(name, { type, packages, edit }, tarball) {
  const path = join(folder, name)
  copyExample('nestjs', path)
  const { scripts } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))
  writeFileSync(join(path, 'package.json'), JSON.stringify({ private: true, type, scripts }))
  install(path, tarball, ...packages)
  const main = join(path, 'src', 'main.ts')
  const source = readFileSync(main, 'utf8')
  const edited = edit(source)
  if (edited === source) throw new Error('examples/nestjs/src/main.ts is not as it was')
  writeFileSync(main, edited)
  return path
}

function copyExample(name, path) {
  cpSync(join(ROOT, 'examples', name), path, { recursive: true })
}

function install(path, ...packages) {
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', path, ...packages], folder)
}

/** What strangers need is in the package, and nothing else of ours. */
function checkContents(paths) {
  const nest = ['dist/nest/index.js', 'dist/nest/index.d.ts']
  const simulator = ['dist/simulator/index.js', 'dist/simulator/index.d.ts', 'dist/simulator/control/page/index.html']
  const needed = [...nest, ...simulator, 'dist/index.js', 'dist/index.d.ts', 'dist/cli.js', 'LICENSE', 'README.md']
  const workers = ['bot', 'chat', 'chat-process', 'parent-watch', 'pglite', 'supervisor'].map(
    (name) => `dist/workers/${name}.cjs`,
  )
  for (const path of [...needed, ...workers]) {
    if (!paths.includes(path)) throw new Error(`the package lacks ${path}`)
  }
  const journal = JSON.parse(readFileSync(join(ROOT, 'drizzle', 'meta', '_journal.json'), 'utf8'))
  for (const { tag } of journal.entries) {
    if (!paths.includes(`drizzle/${tag}.sql`)) throw new Error(`the package lacks the migration ${tag}`)
  }
  for (const path of paths.filter((name) => /\.c?js$/.test(name))) {
    const [, map] = /^\/\/# sourceMappingURL=(.+)$/m.exec(readFileSync(join(ROOT, path), 'utf8')) ?? []
    const isBundle = path.startsWith('dist/workers/')
    if (isBundle && map === undefined) throw new Error(`${path} names no source map`)
    if (map !== undefined && !paths.includes(`${dirname(path)}/${map}`)) throw new Error(`the package lacks ${map}`)
  }
  const foreign = paths.filter((path) => !/^(dist|drizzle)\/|^(package\.json|LICENSE|README\.md)$/.test(path))
  if (foreign.length > 0) throw new Error(`the package holds ${foreign.join(', ')}`)
}

function check(name, runIt) {
  process.stdout.write(`${name}\n`)
  runIt()
  passed += 1
}

function run(command, args, cwd, path = process.env.PATH) {
  const env = { ...process.env, TMPDIR: folder, PATH: path }
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
