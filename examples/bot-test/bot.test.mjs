import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkHistory, FeishuSimulator } from 'feishu-supervisor/simulator'
import { startBot } from './bot.mjs'

test('the bot answers, also after its connection was lost', async (t) => {
  const feishu = new FeishuSimulator({ clientConfig: { ReconnectNonce: 0 }, timeScale: 0.01 })
  const { url } = await feishu.start()
  const app = feishu.addApp({ name: 'Echo' })
  const stopBot = startBot({ ...app, domain: url })
  t.after(stopBot)
  t.after(() => feishu.stop())

  const chat = feishu.user('Tom').chatWith(app)
  const sent = chat.say('hello')
  assert.equal((await sent.reply()).text, 'you said: hello')

  feishu.closeConnections(app.appId, { mode: 'reset' })
  const second = chat.say('still there?')
  assert.equal((await second.reply()).text, 'you said: still there?')

  const { sent: count, lost, duplicated, reordered } = checkHistory(feishu.history.entries)
  assert.deepEqual({ count, lost, duplicated, reordered }, { count: 2, lost: 0, duplicated: 0, reordered: 0 })
})
