// Runs an example from a clone: `npm run example -- nestjs`. The library is packed and installed into a copy of the
// example, as if it came from the registry; everything is in a temporary folder that goes with it.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const [name = 'nestjs'] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'feishu-supervisor-example-'))
// Ctrl-C is for the example.
process.on('SIGINT', () => {})
try {
  cpSync(join(ROOT, 'examples', name), folder, { recursive: true })
  const [packed] = JSON.parse(npm(['pack', '--json', '--pack-destination', folder], ROOT, 'pipe'))
  const file = join(folder, 'package.json')
  const manifest = JSON.parse(readFileSync(file, 'utf8'))
  manifest.dependencies['feishu-supervisor'] = `file:${packed.filename}`
  writeFileSync(file, JSON.stringify(manifest))
  npm(['install', '--no-audit', '--no-fund'], folder)
  npm(['start'], folder)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function npm(args, cwd, stdout = 'inherit') {
  const { status, stdout: printed } = spawnSync('npm', args, {
    cwd,
    stdio: ['inherit', stdout, 'inherit'],
    encoding: 'utf8',
  })
  if (status !== 0) process.exitCode = status ?? 1
  return printed
}
