import { createLarkChannel } from '@larksuiteoapi/node-sdk'
import { readBoot, serveOrders } from '../process/serve-orders.ts'
import { commonOrders, singleThread, type SubjectBoot, type SubjectOrders } from '../process/subject-orders.ts'
import { answerTo } from './echo.ts'
import { quiet } from './sdk.ts'

// Baseline B: the SDK's own channel, which orders, deduplicates and answers from memory. By default it gathers
// a chat's messages for 600 ms; a user who wants fast answers turns that off, and so is it here.

const { url, apps } = readBoot() as SubjectBoot

for (const app of apps) {
  const channel = createLarkChannel({
    ...app,
    domain: url,
    ...quiet,
    safety: { batch: { text: { delayMs: 0, longDelayMs: 0 } } },
  })
  channel.on('message', async ({ chatId, messageId, content }) => {
    await channel.send(chatId, { text: answerTo(content) }, { replyTo: messageId })
  })
  void channel.connect()
}

serveOrders<SubjectOrders>({ ...commonOrders(), ...singleThread, stop: () => Promise.resolve() })
