import { defineHandler } from './define-handler.ts'

/** Built in: answers a text with itself and anything else with its type, e.g. `[image]`. */
export const echo = defineHandler((message, ctx) =>
  ctx.reply((message.messageType === 'text' && message.text) || `[${message.messageType}]`),
)
