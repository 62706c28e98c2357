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
  'src/nest': { thread: 'host', imports: ['src/core', 'src/protocol', 'src/options', 'src/app', 'src/http'] },
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
  'workers/bot': { thread: 'bot', imports: ['src/core', 'src/protocol'] },
  'workers/chat': { thread: 'chat', imports: ['src/core', 'src/protocol', 'src/handlers'] },
  'workers/pglite': { thread: 'pglite', imports: ['src/core', 'src/protocol'] },
}

/** Entries of processes that are ours alone. */
const OWN_PROCESS = ['src/simulator/main.ts', 'workers/bot-process/main.ts']

/** Packages with one user: the place that knows their pitfalls. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  // The pool uses one pure function of it, which renders messages: 35 KB of the bundle, no client and no secret.
  '@larksuiteoapi/node-sdk': ['workers/bot', 'workers/chat/normalize.ts'],
  'prom-client': ['src/http/metrics.ts', 'workers/supervisor/metrics.ts'],
  pino: ['src/cli'],
  piscina: ['src/messages/pool-thread.ts'],
  'drizzle-orm': ['src/store'],
  pg: ['src/store'],
  '@electric-sql/pglite': ['workers/pglite'],
  undici: ['src/handlers'],
  'eventsource-parser': ['src/handlers'],
  comlink: ['src/protocol/control-client.ts', 'src/protocol/control-server.ts'],
  hono: ['src/http', 'src/simulator'],
  '@hono/zod-openapi': ['src/http'],
  '@hono/node-server': ['src/cli', 'src/nest', 'src/simulator'],
  '@nestjs/common': ['src/nest'],
  '@nestjs/core': ['src/nest'],
  commander: ['src/cli'],
  zod: ['src/options', 'src/app', 'src/cli'],
  ws: ['src/simulator', 'workers/bot/guarded-client.ts'],
  'https-proxy-agent': ['workers/bot/tunnel-agent.ts'],
  protobufjs: ['src/simulator'],
}

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

/** The target of a relative import as a path of the project. */
function resolved(file: SourceFile, specifier: string): string {
  return relative(ROOT, join(ROOT, dirname(file.path), specifier))
    .split(sep)
    .join('/')
}

function isUnder(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`) || path === `${place}.ts`
}

describe.each(files)('$path', (file) => {
  it('lies in a folder whose thread is decided', () => {
    expect(FOLDERS).toHaveProperty([file.folder])
  })

  it('imports only what its folder may', () => {
    const allowed = FOLDERS[file.folder]?.imports ?? []
    const foreign = file.imports
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => resolved(file, specifier))
      .filter((target) => folderOf(target) !== file.folder && !allowed.some((place) => isUnder(target, place)))
    expect(foreign).toEqual([])
  })

  it('uses only packages that are its to use', () => {
    const foreign = file.imports
      .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
      .map((specifier) => specifier.match(/^(@[^/]+\/[^/]+|[^/]+)/)?.[0] ?? specifier)
      .filter((name) => !(OWNERS[name] ?? []).some((place) => isUnder(file.path, place)))
    expect(foreign).toEqual([])
  })

  it('reads no environment, prints nothing and leaves the process alone unless it is the command line', () => {
    if (file.folder === 'src/cli' || OWN_PROCESS.includes(file.path)) return
    expect(file.text).not.toMatch(/\bprocess\.(env|on|once|stdout|stderr|argv)\b|\bconsole\.\w+\(/)
    // In a thread's entry it ends that thread only.
    const mayExit = /^workers\/[\w-]+\/main\.ts$/.test(file.path)
    expect(mayExit || !/\bprocess\.exit\b/.test(file.text)).toBe(true)
  })

  it('can be required by CommonJS: no top-level await in the library', () => {
    if (file.path === 'src/cli.ts' || file.path === 'src/simulator/main.ts') return
    // A declaration goes on where the next line is indented or closes what it opened.
    expect(file.text).not.toMatch(/^await |^(?:export )?(?:const|let) [^=\n]+(?:\n[ \t\])}>][^=\n]*)*= await /m)
  })

  it('fits one head: at most 300 lines', () => {
    expect(file.text.split('\n').length).toBeLessThanOrEqual(300)
  })
})

it('spawns bots, the supervisor thread, the pool and PGlite in one place each', () => {
  const spawners = files.filter(({ text }) => /new (Worker|Piscina)\(/.test(text)).map(({ path }) => path)
  expect(spawners).toEqual(
    expect.arrayContaining([
      'src/app/supervisor-thread.ts',
      'src/messages/pool-thread.ts',
      'src/supervisor/thread-carrier.ts',
    ]),
  )
  expect(spawners).toHaveLength(4)
})

it('is made of small files', () => {
  const lengths = files.map(({ text }) => text.split('\n').length).toSorted((a, b) => a - b)
  expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(110)
})
