import { defineHandler } from 'feishu-supervisor'

/** Adds numbers. Runs in the chat pool: when its thread dies, others do not notice, and the message is tried again. */
export default defineHandler(async (message, ctx) => {
  // For you to try.
  if (message.text === 'crash' && ctx.attempt === 1) process.exit(1)
  const numbers = message.text.match(/-?\d+/g) ?? []
  await ctx.reply(`that makes ${numbers.reduce((sum, number) => sum + Number(number), 0)}`)
})
