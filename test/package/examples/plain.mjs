// examples/plain: a script with a bot, which prints what it says itself and nothing else, and ends by itself.
import assert from 'node:assert/strict'
import { FeishuSimulator } from 'feishu-supervisor/simulator'
import { dataDir, Host } from './host.mjs'

const feishu = new FeishuSimulator({ timeScale: 0.01 })
const { url } = await feishu.start()
const app = feishu.addApp({ name: 'Plain' })
const host = new Host(process.execPath, ['start.mjs'], {
  cwd: process.argv[2],
  env: { FEISHU_APP_ID: app.appId, FEISHU_APP_SECRET: app.appSecret, FEISHU_DOMAIN: url, DATA_DIR: dataDir() },
})
try {
  const asked = feishu.user('Tom').chatWith(app)
  await host.printed(/: connected/)
  assert.equal((await asked.say('hello').reply()).text, 'you said: hello')
} finally {
  const printed = await host.stop()
  await feishu.stop()
  for (const line of printed.trim().split('\n')) assert.match(line, new RegExp(`^${app.appId}: \\w+$`))
}
