// A host process under test: runs a supervisor from the built files, told what to do over IPC.
// Ends with its parent. The threads are the drill builds, which know crash points and planted bugs.
import { createRequire } from 'node:module'
import { setEnvironmentData } from 'node:worker_threads'
import { DRILL_KEY } from '../../dist/core/crash-point.js'
import { FeishuSupervisor } from '../../dist/app/feishu-supervisor.js'
import { packagePaths } from '../../dist/app/package-paths.js'
import { resolveOptions } from '../../dist/options/options.js'

const { options, drill } = JSON.parse(process.argv[2])
setEnvironmentData(DRILL_KEY, drill)
const require = createRequire(import.meta.url)
const supervisor = new FeishuSupervisor(resolveOptions(options).thread, {
  paths: {
    ...packagePaths(),
    botProcess: require.resolve('../../dist/workers/bot-process.cjs'),
    botWorker: require.resolve('../../dist/drill/bot.cjs'),
    pgliteWorker: require.resolve('../../dist/drill/pglite.cjs'),
    supervisorWorker: require.resolve('../../dist/drill/supervisor.cjs'),
  },
})

const tell = (notice) => process.connected && process.send(notice)
supervisor.on('log', (record) => tell({ kind: 'log', record }))

const databaseFaults = new BroadcastChannel(DRILL_KEY)

const orders = {
  addBot: (bot) => supervisor.addBot({ useWebSocket: true, ...bot }),
  rotateKeys: () => supervisor.rotateKeys(),
  status: () => supervisor.status(),
  deadLetters: async (page) => (await supervisor.listDeadLetters(page)).items,
  messages: async () => (await supervisor.listMessages({ limit: 4 })).items,
  killBot: (botId) => supervisor.killBot(botId),
  killSupervisor: async () => supervisor.killSupervisor(),
  harmDatabase: async (fault) => databaseFaults.postMessage(fault),
  stall: async (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
  stop: () => supervisor.stop(),
}

process.on('message', ({ id, order, argument }) => {
  orders[order](argument).then(
    (value) => tell({ kind: 'done', id, value }),
    (thrown) => tell({ kind: 'failed', id, message: String(thrown) }),
  )
})
process.on('disconnect', () => process.exit(0))

await supervisor.start()
tell({ kind: 'ready' })
