// examples/handler: a handler module of one's own, run by `feishu-supervisor start`.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { FeishuSimulator } from 'feishu-supervisor/simulator'
import { dataDir, Host } from './host.mjs'

const packageJson = createRequire(import.meta.url).resolve('feishu-supervisor/package.json')
const cli = join(dirname(packageJson), 'dist', 'cli.js')
const feishu = new FeishuSimulator({ timeScale: 0.01 })
const { url } = await feishu.start()
const app = feishu.addApp({ name: 'Doubler' })
const env = { FS_DATA_DIR: dataDir(), FS_PORT: '0', FS_HANDLER: './answer.mjs' }
const bot = ['--app-id', app.appId, '--app-secret', '-', '--use-web-socket', '--domain', url]
execFileSync(process.execPath, [cli, 'bots', 'add', ...bot], {
  cwd: process.argv[2],
  env: { ...process.env, ...env },
  input: app.appSecret,
})
const host = new Host(process.execPath, [cli, 'start'], { cwd: process.argv[2], env })
try {
  await host.printed(/feishu-supervisor is running/)
  const chat = feishu.user('Tom').chatWith(app)
  assert.equal((await chat.say('21').reply()).text, '42')
  assert.equal((await chat.say('hm').reply()).text, 'Send me a number and I double it.')
} finally {
  await host.stop()
  await feishu.stop()
}
