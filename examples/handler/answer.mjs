// `FS_HANDLER=./answer.mjs npx feishu-supervisor start` answers with this, in the chat pool.
import { defineHandlers } from 'feishu-supervisor'

const HELP = 'Send me a number and I double it.'

export default defineHandlers({
  async message(message, ctx) {
    const number = Number(message.text)
    await ctx.reply(Number.isFinite(number) ? String(2 * number) : HELP)
  },
  async p2pEntered(event, ctx) {
    // Only to somebody who has never written.
    if (event.lastMessageId === undefined) await ctx.reply(HELP)
  },
})
