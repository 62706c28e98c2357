import { defineHandler } from './define-handler.ts'

/** Built-in handler: answers a text with the same text, and other messages with their type, e.g. `[image]`. */
export const echo = defineHandler((message, ctx) =>
  ctx.reply((message.messageType === 'text' && message.text) || `[${message.messageType}]`),
)
