import { defineHandler } from '../../src/handlers/define-handler.ts'
import { openAiHandler } from '../../src/handlers/openai.ts'
import { newPost } from '../../src/handlers/post.ts'
import { answerThreadOrders } from './thread-orders.ts'

// The built-in `openai` with its default options, as a module: so that its threads tell their heap. The second word
// of a message is the URL of the model.

answerThreadOrders()

const post = newPost({ noProxy: [] })
const handlers = new Map<string, ReturnType<typeof openAiHandler>>()

export default defineHandler(async (message, ctx) => {
  const baseUrl = message.text.split(' ')[1] ?? ''
  const handler =
    handlers.get(baseUrl) ?? openAiHandler({ baseUrl, model: 'bench', timeoutMs: 60_000, history: 20 }, post)
  handlers.set(baseUrl, handler)
  await handler.get('message')?.(message, ctx)
})
