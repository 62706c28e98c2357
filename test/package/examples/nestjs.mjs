// examples/nestjs, booted with its one command: its service answers, its users manage its bots, and while a handler and
// a bot worker crash, it goes on serving and nothing is lost or doubled.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { checkHistory, FeishuSimulator } from 'feishu-supervisor/simulator'
import { dataDir, Host } from './host.mjs'

const feishu = new FeishuSimulator({ timeScale: 0.05 })
const { url: domain } = await feishu.start()
const [chat, sums, walled] = ['Chat', 'Sums', 'Walled'].map((name) => feishu.addApp({ name }))
const bots = [
  { ...chat, id: 'chat', domain },
  { ...sums, id: 'sums', domain, handler: 'sums' },
  { ...walled, id: 'walled', domain, isolation: 'process' },
]
const host = new Host('npm', ['start'], {
  cwd: process.argv[2],
  env: { FEISHU_BOTS: JSON.stringify(bots), DATA_DIR: dataDir(), PORT: '0' },
})
try {
  const url = await host.printed(/the server is at (\S+)/)
  const get = async (path, user) => {
    const response = await fetch(url + path, { headers: { authorization: `Bearer ${user}s-token` } })
    return { status: response.status, body: await response.json() }
  }
  const says = async (app, text) => (await feishu.user('Tom').chatWith(app).say(text).reply({ timeoutMs: 30_000 })).text

  assert.equal(await says(chat, 'hello'), 'You asked: hello')
  assert.equal(await says(sums, '1 and 2'), 'that makes 3')
  assert.equal(await says(walled, 'hello'), 'You asked: hello')

  assert.deepEqual(
    (await get('/my-bots', 'ann')).body.map(({ state }) => state),
    Array(3).fill('connected'),
  )
  assert.deepEqual((await get('/my-bots', 'bob')).body, [])
  assert.equal((await get('/feishu/bots', 'ann')).body.total, 3)
  assert.equal((await get('/feishu/bots', 'bob')).body.total, 0)
  assert.equal((await get('/feishu/bots', 'strangers')).status, 401)

  const over = new AbortController()
  const serving = serveUntil(over.signal, () => get('/my-bots', 'ann'))
  // Of the host's own function, and of a module in the pool, whose thread dies.
  assert.equal(await says(chat, 'crash'), 'You asked: crash')
  assert.equal(await says(sums, 'crash'), 'that makes 0')
  process.kill(workerOf(host.pid), 'SIGKILL')
  assert.equal(await says(walled, 'back?'), 'You asked: back?')
  over.abort()
  const served = await serving
  assert.ok(served > 10, `served ${served} requests`)

  const status = await get('/feishu/supervisor', 'admin')
  const restarts = Object.fromEntries(status.body.bots.map(({ botId, child }) => [botId, child.restarts]))
  assert.deepEqual(restarts, { chat: 0, sums: 0, walled: 1 })
  assert.equal(status.body.restarts, 0)
  const { sent, replied, lost, duplicated, reordered } = checkHistory(feishu.history.entries)
  assert.deepEqual(
    { sent, replied, lost, duplicated, reordered },
    { sent: 6, replied: 6, lost: 0, duplicated: 0, reordered: 0 },
  )
} finally {
  await host.stop()
  await feishu.stop()
}

/** Asks again and again; every answer has to be right. */
async function serveUntil(over, ask) {
  let count = 0
  for (; !over.aborted; count += 1) assert.equal((await ask()).status, 200)
  return count
}

/** The process of the bot that is walled off, somewhere below `pid`. */
function workerOf(pid) {
  const parents = new Map()
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const [, parent] = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ')
      parents.set(Number(name), Number(parent))
    } catch {
      // It ended meanwhile.
    }
  }
  const isBelow = (one) => one === pid || (parents.has(one) && isBelow(parents.get(one)))
  const found = [...parents.keys()].find(
    (one) => isBelow(one) && readFileSync(`/proc/${one}/cmdline`, 'utf8').includes('bot-process'),
  )
  assert.ok(found, 'the process of the bot was not found')
  return found
}
