import { build } from 'esbuild'

// One file per process of a run, beside the built library whose threads are measured.
const common = { bundle: true, platform: 'node', target: 'node20', logLevel: 'warning' }
const parties = [
  'platform',
  'supervisor',
  'handler',
  'one-thread',
  'channel',
  'insert-first',
  'bare-workers',
  'model',
  'burner',
  'stream-handler',
]
await build({
  ...common,
  entryPoints: ['bench/main.ts', ...parties.map((name) => `bench/parties/${name}.ts`)],
  outdir: 'dist/drill/bench',
  entryNames: '[name]',
  outExtension: { '.js': '.mjs' },
  packages: 'external',
  format: 'esm',
})

await build({
  ...common,
  entryPoints: ['bench/parties/echo-wires.ts'],
  outfile: 'dist/drill/bench/echo-wires.cjs',
  packages: 'external',
  format: 'cjs',
})

const bareWorker = { ...common, entryPoints: ['bench/parties/bare-worker.ts'], format: 'cjs' }
// As small as the SDK gets without changing it.
await build({
  ...bareWorker,
  outfile: 'dist/drill/bench/bare-worker.cjs',
  mainFields: ['module', 'main'],
  minifyWhitespace: true,
  minifySyntax: true,
  define: { __dirname: '__sdkDir' },
  banner: { js: "const __sdkDir = require('node:path').dirname(require.resolve('@larksuiteoapi/node-sdk'));" },
})
await build({ ...bareWorker, outfile: 'dist/drill/bench/whole-worker.cjs', packages: 'external' })
