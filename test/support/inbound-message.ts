import type { InboundMessage } from '../../src/protocol/model/inbound-message.ts'

/** A text message as a handler gets it. */
export const inboundMessage: InboundMessage = {
  kind: 'message',
  botId: 'a',
  eventId: 'e1',
  messageId: 'm1',
  chatId: 'c',
  chatType: 'p2p',
  messageType: 'text',
  text: 'you',
  content: { text: 'you' },
  senderType: 'user',
  senderOpenId: 'ou_1',
  createdAt: 1,
  mentions: [],
  isBotMentioned: false,
  isAllMentioned: false,
  resources: [],
  raw: { message: { content: '{"text":"you"}' } },
}
