import { mkdir } from 'node:fs/promises'
import { build } from 'esbuild'

// Each thread entry becomes one CommonJS file: the Feishu SDK uses require and __dirname.
await mkdir('dist/workers', { recursive: true })

const shared = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  metafile: true,
  logLevel: 'warning',
}

const entries = [{ name: 'pglite', packages: 'external' }]

for (const { name, ...options } of entries) {
  await build({ ...shared, ...options, entryPoints: [`workers/${name}/main.ts`], outfile: `dist/workers/${name}.cjs` })
}
