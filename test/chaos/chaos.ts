import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readOptions } from './options.ts'
import { runChaos } from './run-chaos.ts'

// `npm run chaos`: the proof that anybody can repeat. Prints what it does, and one JSON object last.
const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'feishu-supervisor-chaos-'))
try {
  const options = readOptions(process.argv.slice(2))
  process.exitCode = (await runChaos(options, { root, folder, say: (line) => process.stdout.write(`${line}\n`) }))
    ? 0
    : 1
} catch (thrown) {
  process.stderr.write(`chaos: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
  process.exitCode = 2
} finally {
  await rm(folder, { recursive: true, force: true })
}
