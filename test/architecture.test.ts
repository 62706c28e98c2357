import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * Every folder, the thread its code runs in, and what it may import of ours. A folder that is not
 * here fails the test: whoever adds one decides its thread.
 */
const FOLDERS: Readonly<Record<string, { readonly thread: string; readonly imports: readonly string[] }>> = {
  'src/core': { thread: 'any', imports: [] },
  'src/protocol': { thread: 'any', imports: ['src/core'] },
  'src/options': { thread: 'host', imports: ['src/core', 'src/protocol', 'src/handlers'] },
  'src/app': { thread: 'host', imports: ['src/core', 'src/protocol', 'src/options', 'src/http', 'src/handlers'] },
  'src/http': { thread: 'host', imports: ['src/core', 'src/protocol'] },
  'src/nest': {
    thread: 'host',
    imports: ['src/core', 'src/protocol', 'src/options', 'src/app', 'src/http', 'src/index'],
  },
  'src/index': { thread: 'host', imports: ['src/core', 'src/protocol', 'src/options', 'src/app', 'src/handlers'] },
  'src/cli': {
    thread: 'host',
    imports: ['src/core', 'src/protocol', 'src/options', 'src/app', 'src/http', 'src/simulator'],
  },
  'src/supervisor': { thread: 'supervisor', imports: ['src/core', 'src/protocol'] },
  'src/messages': { thread: 'supervisor', imports: ['src/core', 'src/protocol', 'src/store/store.ts'] },
  'src/webhook': { thread: 'supervisor', imports: ['src/core', 'src/protocol'] },
  'src/store': { thread: 'supervisor', imports: ['src/core', 'src/protocol'] },
  'src/handlers': { thread: 'chat, and the host for its own functions', imports: ['src/core', 'src/protocol'] },
  'src/simulator': { thread: 'simulator', imports: ['src/core'] },
  'workers/supervisor': {
    thread: 'supervisor',
    imports: ['src/core', 'src/protocol', 'src/supervisor', 'src/messages', 'src/store', 'src/webhook'],
  },
  'workers/bot-process': { thread: 'main of a bot process', imports: ['src/core', 'src/protocol', 'src/supervisor'] },
  'workers/chat-process': {
    thread: 'main of a process of handlers, and a thread that watches its parent',
    imports: ['src/core', 'src/protocol', 'workers/chat'],
  },
  'workers/bot': { thread: 'bot', imports: ['src/core', 'src/protocol'] },
  'workers/chat': { thread: 'chat', imports: ['src/core', 'src/protocol', 'src/handlers'] },
  'workers/pglite': { thread: 'pglite', imports: ['src/core', 'src/protocol'] },
}

/**
 * Wings: the folders inside a folder, and which wings of it each may import. What lies at the folder's own level is
 * its face (it imports wings, and none of them imports it) or its contract (wings import it, and it imports none).
 */
const WINGS: Readonly<
  Record<string, { readonly own: 'face' | 'contract'; readonly wings: Readonly<Record<string, readonly string[]>> }>
> = {
  'src/core': { own: 'contract', wings: { lifecycle: ['time'], log: [], time: [] } },
  'src/protocol': { own: 'face', wings: { model: [], options: ['model'] } },
  'src/http': {
    own: 'face',
    wings: { routes: ['api', 'schema'], page: ['api', 'schema'], api: [], schema: [] },
  },
  'src/messages': {
    own: 'face',
    wings: {
      dispatch: ['handle', 'intake', 'pool', 'reply', 'writes'],
      intake: ['handle', 'inbound', 'writes'],
      handle: ['pool', 'reply', 'inbound'],
      pool: ['writes'],
      reply: ['writes'],
      inbound: [],
      writes: [],
    },
  },
  'src/supervisor': { own: 'face', wings: { isolation: [] } },
  'src/store': {
    own: 'contract',
    wings: {
      open: ['bots', 'database', 'inbox', 'log'],
      inbox: ['database', 'log'],
      log: ['database'],
      bots: ['database'],
      database: [],
    },
  },
  'src/simulator': {
    own: 'face',
    wings: {
      control: ['users', 'messages', 'events', 'history', 'faults', 'http', 'shared'],
      users: ['messages', 'events', 'history', 'shared'],
      'open-api': ['messages', 'cards', 'gateway', 'http', 'history', 'faults', 'shared'],
      messages: ['cards', 'events', 'history', 'shared'],
      events: ['gateway', 'history', 'shared'],
      cards: ['history', 'faults', 'shared'],
      gateway: ['http', 'history', 'faults', 'shared'],
      http: ['faults', 'shared'],
      history: ['faults'],
      faults: ['shared'],
      shared: [],
    },
  },
  'workers/bot': {
    own: 'face',
    wings: {
      connection: ['api', 'http'],
      check: ['connection', 'api', 'http'],
      send: ['api', 'http'],
      api: ['http'],
      http: [],
    },
  },
  'workers/supervisor': {
    own: 'face',
    wings: { bots: [], source: ['bots'], store: [], health: ['bots', 'store'] },
  },
}

/** Entries of processes that are ours alone. */
const OWN_PROCESS = ['src/simulator/main.ts', 'workers/bot-process/main.ts', 'workers/chat-process/main.ts']

/** The process of a pool thread, as handlers see it, belongs to us: what ends it is caught there. */
const PROCESS_OF_HANDLERS = 'workers/chat/catch-faults.ts'

/** Packages with one user: the place that knows their pitfalls. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  // The pool uses one pure function of it, which renders messages: 35 KB of the bundle, no client and no secret.
  '@larksuiteoapi/node-sdk': ['workers/bot', 'workers/chat/normalize.ts'],
  'prom-client': ['src/http/routes/metrics.ts', 'workers/supervisor/health/metrics.ts'],
  pino: ['src/cli'],
  piscina: ['src/messages/pool/pool-thread.ts'],
  'drizzle-orm': ['src/store'],
  pg: ['src/store'],
  '@electric-sql/pglite': ['workers/pglite'],
  undici: ['src/handlers'],
  'eventsource-parser': ['src/handlers'],
  comlink: ['src/protocol/control-channel.ts'],
  hono: ['src/http', 'src/simulator'],
  '@hono/zod-openapi': ['src/http'],
  '@hono/node-server': ['src/cli', 'src/nest', 'src/simulator'],
  '@nestjs/common': ['src/nest'],
  '@nestjs/core': ['src/nest'],
  commander: ['src/cli'],
  zod: ['src/options', 'src/app', 'src/cli'],
  ws: ['src/simulator', 'workers/bot/connection/guarded-client.ts'],
  'https-proxy-agent': ['workers/bot/http/tunnel-agent.ts'],
  protobufjs: ['src/simulator'],
}

/** Files above it do two things. */
const MOST_LINES = 250

interface SourceFile {
  readonly path: string
  readonly folder: string
  readonly text: string
  readonly imports: readonly string[]
}

const files = ['src', 'workers'].flatMap((top) =>
  readdirSync(join(ROOT, top), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readSource(`${top}/${name.split(sep).join('/')}`)),
)

function readSource(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const imports = [
    ...text.matchAll(/^(?:import|export)\s[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm),
  ]
  return { path, folder: folderOf(path), text, imports: imports.map((match) => match[1] ?? match[2] ?? match[3] ?? '') }
}

/** `src/core/x.ts` lives in src/core, `src/cli.ts` belongs to src/cli. */
function folderOf(path: string): string {
  return path.split('/').slice(0, 2).join('/').replace(/\.ts$/, '')
}

function linesOf(text: string): number {
  return text.trimEnd().split('\n').length
}

/** The target of a relative import as a path of the project. */
function resolved(file: SourceFile, specifier: string): string {
  return relative(ROOT, join(ROOT, dirname(file.path), specifier))
    .split(sep)
    .join('/')
}

function isUnder(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`) || path === `${place}.ts`
}

const imports = files.flatMap((file) =>
  file.imports
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => ({ file, target: resolved(file, specifier) })),
)

/** The wing of a path in its folder; undefined at the folder's own level. */
function wingOf(path: string): string | undefined {
  const parts = path.split('/').slice(2, -1)
  return parts[0]
}

/** Whoever reads a failure sees every offender at once. */
function offenders(isWrong: (file: SourceFile) => boolean): string[] {
  return files.filter(isWrong).map(({ path }) => path)
}

function crossing(isWrong: (from: SourceFile, target: string) => boolean): string[] {
  return imports
    .filter(({ file, target }) => isWrong(file, target))
    .map(({ file, target }) => `${file.path} -> ${target}`)
}

describe('architecture', () => {
  it('decides the thread of every folder', () => {
    expect(offenders(({ folder }) => !(folder in FOLDERS))).toEqual([])
    expect(Object.keys(FOLDERS).filter((folder) => !files.some((file) => file.folder === folder))).toEqual([])
  })

  it('lets a folder import only what it may', () => {
    const mayImport = (from: string, target: string): boolean =>
      folderOf(target) === from || (FOLDERS[from]?.imports ?? []).some((place) => isUnder(target, place))
    expect(crossing((from, target) => !mayImport(from.folder, target))).toEqual([])
  })

  it('knows every wing', () => {
    const wings = files.map(({ folder, path }) => ({ path, folder, wing: wingOf(path) }))
    const isKnown = (folder: string, wing: string): boolean => wing in (WINGS[folder]?.wings ?? {})
    const nested = (folder: string): boolean => folder in WINGS
    expect(wings.filter(({ folder, wing }) => nested(folder) && wing !== undefined && !isKnown(folder, wing))).toEqual(
      [],
    )
    const used = new Set(wings.map(({ folder, wing }) => `${folder}/${wing}`))
    const planned = Object.entries(WINGS).flatMap(([folder, { wings: all }]) =>
      Object.keys(all).map((wing) => `${folder}/${wing}`),
    )
    expect(planned.filter((wing) => !used.has(wing))).toEqual([])
  })

  it('lets a wing import only the wings below it, and the own level of a folder only one way', () => {
    const isWrong = (from: SourceFile, target: string): boolean => {
      const plan = WINGS[from.folder]
      const [own, other] = [wingOf(from.path), wingOf(target)]
      if (plan === undefined || folderOf(target) !== from.folder || own === other) return false
      if (own === undefined) return plan.own === 'contract'
      return other === undefined ? plan.own === 'face' : !plan.wings[own]?.includes(other)
    }
    expect(crossing(isWrong)).toEqual([])
  })

  it('allows nothing that nobody uses', () => {
    const isUsed = (from: string, target: string): boolean =>
      imports.some(({ file, target: path }) => isUnder(file.path, from) && isUnder(path, target))
    const folders = Object.entries(FOLDERS).flatMap(([from, { imports: all }]) => all.map((to) => [from, to] as const))
    const wings = Object.entries(WINGS).flatMap(([folder, { wings: all }]) =>
      Object.entries(all).flatMap(([from, targets]) =>
        targets.map((to) => [`${folder}/${from}`, `${folder}/${to}`] as const),
      ),
    )
    expect([...folders, ...wings].filter(([from, to]) => !isUsed(from, to))).toEqual([])
  })

  it('has no circle of wings', () => {
    const circles = Object.entries(WINGS).flatMap(([folder, { wings }]) =>
      circlesOf(Object.keys(wings), (wing) => wings[wing] ?? []).map((circle) => `${folder}: ${circle.join(' ')}`),
    )
    expect(circles).toEqual([])
  })

  it('has no circle of files, types included', () => {
    const targets = new Map<string, string[]>(files.map(({ path }) => [path, []]))
    for (const { file, target } of imports) targets.get(file.path)?.push(target)
    const next = (path: string): string[] => (targets.get(path) ?? []).filter((target) => targets.has(target))
    expect(
      circlesOf(
        files.map(({ path }) => path),
        next,
      ),
    ).toEqual([])
  })

  it('gives a package only to those who may use it', () => {
    const foreign = files.flatMap(({ path, imports: all }) =>
      all
        .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
        .map((specifier) => specifier.match(/^(@[^/]+\/[^/]+|[^/]+)/)?.[0] ?? specifier)
        .filter((name) => !(OWNERS[name] ?? []).some((place) => isUnder(path, place)))
        .map((name) => `${path} -> ${name}`),
    )
    expect(foreign).toEqual([])
  })

  it('reads no environment, prints nothing and leaves the process alone outside the command line', () => {
    const isOurs = ({ folder, path }: SourceFile): boolean =>
      folder !== 'src/cli' && ![...OWN_PROCESS, PROCESS_OF_HANDLERS].includes(path)
    const touches = /\bprocess\.(env|on|once|stdout|stderr|argv)\b|\bconsole\.\w+\(/
    expect(offenders((file) => isOurs(file) && touches.test(file.text))).toEqual([])
    // In a thread's entry it ends that thread only.
    const isEntry = ({ path }: SourceFile): boolean => /^workers\/[\w-]+\/main\.ts$/.test(path)
    expect(offenders((file) => isOurs(file) && !isEntry(file) && /\bprocess\.exit\b/.test(file.text))).toEqual([])
  })

  it('can be required by CommonJS: no top-level await in the library', () => {
    const isProgram = ({ path }: SourceFile): boolean => path === 'src/cli.ts' || path === 'src/simulator/main.ts'
    // A declaration goes on where the next line is indented or closes what it opened.
    const awaits = /^await |^(?:export )?(?:const|let) [^=\n]+(?:\n[ \t\])}>][^=\n]*)*= await /m
    expect(offenders((file) => !isProgram(file) && awaits.test(file.text))).toEqual([])
  })

  it(`has no file of more than ${MOST_LINES} lines`, () => {
    expect(offenders(({ text }) => linesOf(text) > MOST_LINES)).toEqual([])
  })

  it('is made of small files', () => {
    const lengths = files.map(({ text }) => linesOf(text)).toSorted((a, b) => a - b)
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(110)
  })

  it('spawns bots, the supervisor thread, the pool, PGlite and the watch of a process in one place each', () => {
    expect(offenders(({ text }) => /new (Worker|Piscina)\(/.test(text)).toSorted()).toEqual([
      'src/app/spawn-supervisor-thread.ts',
      'src/messages/pool/pool-thread.ts',
      'src/store/open/pglite-thread.ts',
      'src/supervisor/isolation/thread-isolation.ts',
      'workers/chat-process/main.ts',
    ])
    expect(offenders(({ imports: all }) => all.includes('node:child_process')).toSorted()).toEqual([
      'src/messages/pool/handler-process.ts',
      'src/simulator/launch.ts',
      'src/supervisor/isolation/process-isolation.ts',
    ])
  })
})

/** Groups of nodes that reach each other, by Tarjan's algorithm. */
function circlesOf(nodes: readonly string[], next: (node: string) => readonly string[]): string[][] {
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const circles: string[][] = []
  const visit = (node: string): void => {
    index.set(node, index.size)
    low.set(node, index.get(node)!)
    stack.push(node)
    for (const target of next(node)) {
      if (!index.has(target)) visit(target)
      if (stack.includes(target)) low.set(node, Math.min(low.get(node)!, low.get(target)!))
    }
    if (low.get(node) !== index.get(node)) return
    const circle = stack.splice(stack.indexOf(node))
    if (circle.length > 1) circles.push(circle)
  }
  for (const node of nodes) if (!index.has(node)) visit(node)
  return circles
}
