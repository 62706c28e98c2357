import { defineHandler } from '../../src/handlers/define-handler.ts'
import { answerTo } from './echo.ts'

export default defineHandler(async (message, ctx) => {
  await ctx.reply(answerTo(message.text))
})
