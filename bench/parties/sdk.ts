import { setTimeout as wait } from 'node:timers/promises'
import { type Client, LoggerLevel } from '@larksuiteoapi/node-sdk'
import { answerTo, waitOf } from './echo.ts'

const silent = (): void => {}

/** Printing would be measured too. */
export const quiet = {
  logger: { error: silent, warn: silent, info: silent, debug: silent, trace: silent },
  loggerLevel: LoggerLevel.error,
}

/** What a handler of messages gets. */
export interface Received {
  readonly message: { readonly message_id: string; readonly content: string }
}

/** What fails is lost: nothing of it was kept. */
export async function answer(client: Client, { message_id, content }: Received['message']): Promise<void> {
  const { text } = JSON.parse(content) as { text: string }
  const waitMs = waitOf(text)
  if (waitMs > 0) await wait(waitMs)
  const reply = { msg_type: 'text', content: JSON.stringify({ text: answerTo(text) }) }
  await client.im.v1.message.reply({ path: { message_id }, data: reply }).catch(() => {})
}
