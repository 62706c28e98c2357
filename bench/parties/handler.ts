import { setTimeout as wait } from 'node:timers/promises'
import { defineHandler } from '../../src/handlers/define-handler.ts'
import { answerTo, waitOf } from './echo.ts'
import { AGAIN, deedOf } from './deeds.ts'
import { answerThreadOrders, released } from './thread-orders.ts'

answerThreadOrders()

export default defineHandler(async (message, ctx) => {
  const { text } = message
  const waitMs = waitOf(text)
  if (waitMs > 0) await wait(waitMs)
  if (text.startsWith('hold')) await released()
  const deed = deedOf(text)
  if (ctx.attempt === 1) await deed?.()
  await ctx.reply(`${ctx.attempt === 1 ? '' : AGAIN}${answerTo(text)}`)
})
