import { toInboundEvent } from '../../src/messages/inbound/to-inbound-event.ts'
import { toFeishuEvent } from '../../src/protocol/model/feishu-event.ts'
import type { InboundEvent } from '../../src/protocol/model/inbound-event.ts'
import type { FeishuEvent } from '../../src/protocol/model/message.ts'

/** The envelope of a text message as Feishu pushes it. */
export function envelope(number: number, chat = number % 20): object {
  const id = number.toString(16).padStart(32, '0')
  return {
    schema: '2.0',
    header: {
      event_id: id,
      token: 'fake-verification-token',
      create_time: '1700000000000',
      event_type: 'im.message.receive_v1',
      tenant_key: '736588c9260f175d',
      app_id: 'cli_0000000000000001',
    },
    event: {
      sender: {
        sender_id: { union_id: 'on_8ed6aa67826108097d9ee143816345', user_id: 'e33ggbyz', open_id: 'ou_1' },
        sender_type: 'user',
        tenant_key: '736588c9260f175d',
      },
      message: {
        message_id: `om_${id}`,
        create_time: '1700000000000',
        chat_id: `oc_${chat}`,
        chat_type: 'group',
        message_type: 'text',
        content: JSON.stringify({ text: `message ${number}` }),
      },
    },
  }
}

export function messageFrom(number: number): { readonly event: FeishuEvent; readonly inbound: InboundEvent } {
  const event = toFeishuEvent(envelope(number), Date.now())
  const parsed = toInboundEvent('bot', event.type, event.payload, Date.now())
  if (parsed.kind === 'bad') throw new Error(parsed.reason)
  return { event, inbound: parsed.event }
}
