import { cp, readFile } from 'node:fs/promises'
import { build } from 'esbuild'

// Each thread entry becomes one CommonJS file in dist/workers: the Feishu SDK uses require and
// __dirname, and dev, tests and the published package all run these same files. Beside each is its
// source map, by which a crash names a line of the source; see src/core/log/stack-frames.ts.

/** Measured size of the SDK inside a bundle plus 10 %; more means that the generated API classes are back. */
const MOST_SDK_BYTES = { bot: 65_000, chat: 39_000, 'chat-process': 39_000, 'handler-runner': 39_000 }

const SDK_FILE = /@larksuiteoapi[\\/]node-sdk[\\/]es[\\/]index\.js$/

/**
 * Leaves out the SDK's generated API classes (about 100 000 lines that `Client` inherits from, 25 MB per
 * bot) and keeps `Client` with `request`. Fails the build when the SDK's shape is not the one known here.
 */
const leanSdk = {
  name: 'lean-sdk',
  setup({ onLoad }) {
    onLoad({ filter: SDK_FILE }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      const start = source.search(/^class Client\$\w+ \{/m)
      const last = source.search(/^class Client\$1 extends /m)
      const end = source.indexOf('\n}\n', last) + 3
      const cut = source.slice(start, end)
      const foreign = cut.match(/^(?:class|const|let|var|function|import|export) (?!Client\$)\w+/m)
      if (start < 0 || last < start || end < last || foreign !== null) {
        throw new Error(`the generated classes of the SDK are not where they were: ${foreign?.[0] ?? 'not found'}`)
      }
      return { contents: `${source.slice(0, start)}class Client$1 {}\n${source.slice(end)}`, loader: 'js' }
    })
  },
}

/** Drops what the SDK imports and a bundle does not use: ws and lodash run code when imported, so esbuild would keep them. */
const quietSdkImports = {
  name: 'quiet-sdk-imports',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[a-z]/ }, async ({ path, pluginData, ...from }) => {
      if (!SDK_FILE.test(from.importer) || pluginData === 'resolved') return undefined
      return { ...(await resolve(path, { ...from, pluginData: 'resolved' })), sideEffects: false }
    })
  },
}

const bot = {
  name: 'bot',
  plugins: [leanSdk],
  // The bot gives the SDK its own HTTP client, so axios (6 MB per bot) would only be dead weight.
  alias: { axios: './workers/bot/http/no-axios.ts' },
  mainFields: ['module', 'main'],
  minifyWhitespace: true,
  minifySyntax: true,
  // The SDK finds its version for the User-Agent in the package.json beside its own folder.
  define: { __dirname: '__sdkDir' },
  banner: { js: "const __sdkDir = require('node:path').dirname(require.resolve('@larksuiteoapi/node-sdk'));" },
}
const chat = {
  name: 'chat',
  // Of the SDK only the pure function that renders messages: about 35 KB, 90 with what it drags along.
  plugins: [leanSdk, quietSdkImports],
  alias: { axios: './workers/bot/http/no-axios.ts' },
  // Needed by two built-in handlers alone, and loaded with them.
  external: ['undici', 'eventsource-parser'],
  mainFields: ['module', 'main'],
  minifyWhitespace: true,
  minifySyntax: true,
}
// The same in a process of its own, and the thread in it that watches the supervisor's process.
const chatProcess = { ...chat, name: 'chat-process' }
const parentWatch = { name: 'parent-watch', entry: 'workers/chat-process/parent-watch.ts' }
// What the chat pool runs a handler with, for handlers that are functions of the host; no thread.
const handlerRunner = { ...chat, name: 'handler-runner', entry: 'workers/chat/run-handler.ts' }
// A bot's own process around the bot's worker, which is a file of its own.
const botProcess = { name: 'bot-process' }
const pglite = { name: 'pglite', packages: 'external' }
const supervisor = { name: 'supervisor', packages: 'external' }

for (const page of ['http/page/static', 'simulator/control/page'])
  await cp(`src/${page}`, `dist/${page}`, { recursive: true })
for (const entry of [bot, botProcess, chat, chatProcess, handlerRunner, parentWatch, pglite, supervisor])
  await bundle(entry, 'dist/workers', false)
// The same threads with crash points and planted bugs, for tests and chaos; not in the package.
for (const entry of [bot, pglite, supervisor]) await bundle(entry, 'dist/drill', true)
await build({
  entryPoints: ['test/chaos/chaos.ts'],
  outfile: 'dist/drill/chaos.mjs',
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
  logLevel: 'warning',
})

async function bundle({ name, entry = `workers/${name}/main.ts`, define = {}, ...options }, folder, hasDrills) {
  const { metafile } = await build({
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    metafile: true,
    // Without the text of the sources, which would double the package.
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
    ...options,
    // Drills are read by people.
    ...(hasDrills ? { minifyWhitespace: false, minifySyntax: false } : {}),
    define: { ...define, FEISHU_DRILLS: String(hasDrills) },
    entryPoints: [entry],
    outfile: `${folder}/${name}.cjs`,
  })
  const { inputs } = metafile.outputs[`${folder}/${name}.cjs`]
  const sdk = Object.entries(inputs).find(([path]) => SDK_FILE.test(path))
  const mostBytes = hasDrills ? undefined : MOST_SDK_BYTES[name]
  if (mostBytes !== undefined && !(sdk?.[1].bytesInOutput < mostBytes)) {
    throw new Error(
      `the ${name} bundle holds ${sdk?.[1].bytesInOutput} bytes of the SDK; at most ${mostBytes} are expected`,
    )
  }
  if (process.env.BUILD_SIZES) printSizes(name, inputs)
}

function printSizes(name, inputs) {
  const sizes = Object.entries(inputs).map(([path, { bytesInOutput }]) => ({ path, bytesInOutput }))
  sizes.sort((a, b) => b.bytesInOutput - a.bytesInOutput)
  process.stdout.write(`${name}\n`)
  for (const { path, bytesInOutput } of sizes.slice(0, 12)) process.stdout.write(`  ${bytesInOutput} ${path}\n`)
}
