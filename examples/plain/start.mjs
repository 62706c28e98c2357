// A bot in a script: `FEISHU_APP_ID=cli_… FEISHU_APP_SECRET=… node start.mjs`, until Ctrl-C.
import { createFeishuSupervisor } from 'feishu-supervisor'

const { FEISHU_APP_ID: appId, FEISHU_APP_SECRET: appSecret, FEISHU_DOMAIN: domain } = process.env

const supervisor = createFeishuSupervisor({
  dataDir: process.env.DATA_DIR ?? './data',
  handler: async (message, ctx) => ctx.reply(`you said: ${message.text}`),
})
supervisor.on('bot', ({ name, connection }) => console.log(`${name}: ${connection.state}`))
supervisor.on('alert', ({ state, cause, nextStep }) => console.log(`${state}: ${cause}; ${nextStep}`))

await supervisor.start()
const bots = await supervisor.listBots()
if (!bots.some((bot) => bot.appId === appId)) await supervisor.addBot({ appId, appSecret, domain, useWebSocket: true })

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => supervisor.stop())
