import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readOptions } from './options.ts'
import { runChaos } from './run-chaos.ts'

// `npm run chaos`: the proof that anybody can repeat. Prints what it does, and one JSON object last.
const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'feishu-supervisor-chaos-'))
const say = (line: string) => process.stdout.write(`${line}\n`)
let keepsFolder = false
try {
  const options = readOptions(process.argv.slice(2))
  const isClean = await runChaos(options, { root, folder, say })
  process.exitCode = isClean ? 0 : 1
  keepsFolder = !isClean && options.plant === undefined
} catch (thrown) {
  process.stderr.write(`chaos: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
  process.exitCode = 2
} finally {
  if (keepsFolder) process.stderr.write(`chaos: the history and the database are kept in ${folder}\n`)
  else await rm(folder, { recursive: true, force: true })
}
