// A bot of your own, written as in the README of the official SDK. Only the domain is a parameter.
import * as Lark from '@larksuiteoapi/node-sdk'

export function startBot({ appId, appSecret, domain = Lark.Domain.Feishu }) {
  const client = new Lark.Client({ appId, appSecret, domain })
  const wsClient = new Lark.WSClient({ appId, appSecret, domain })
  const eventDispatcher = new Lark.EventDispatcher({}).register({
    'im.message.receive_v1': async ({ message }) => {
      const { text } = JSON.parse(message.content)
      await client.im.v1.message.reply({
        path: { message_id: message.message_id },
        data: { msg_type: 'text', content: JSON.stringify({ text: `you said: ${text}` }) },
      })
    },
  })
  wsClient.start({ eventDispatcher })
  return () => wsClient.close()
}
