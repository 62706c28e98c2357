export { createFeishuSupervisor, type FeishuSupervisor } from './app/feishu-supervisor.ts'
export { type ErrorCode, ERROR_CODES, type ErrorRecord, FeishuSupervisorError } from './core/errors.ts'
export type { LogLevel, LogRecord } from './core/log/logger.ts'
export {
  type CardActionHandler,
  type ChatContext,
  type ChatHandler,
  type ChatHandlers,
  defineHandler,
  defineHandlers,
  type HistoryMessage,
} from './handlers/define-handler.ts'
export type {
  CardReply,
  FileReply,
  ImageReply,
  MarkdownReply,
  PostBody,
  PostElement,
  PostReply,
  Reply,
  StreamOptions,
  TextReply,
  Upload,
} from './handlers/reply.ts'
export type { FeishuSupervisorOptions } from './options/feishu-supervisor-options.ts'
export type { Authorize, Principal } from './protocol/model/access.ts'
export type { BotSource, BotWriter, SourceBot, SourceRecord } from './protocol/model/bot-source.ts'
export type { AnswerPolicy, BotLimits, BotPolicy } from './protocol/model/bot-settings.ts'
export type { Alert, AlertKind, EventMap, MessageEvent, RestartEvent } from './protocol/model/events.ts'
export type { Finding } from './protocol/model/finding.ts'
export type {
  CardResponse,
  CardToast,
  InboundCardAction,
  InboundEvent,
  InboundMembership,
  InboundMenu,
  InboundOther,
  InboundP2pEntered,
  InboundReaction,
} from './protocol/model/inbound-event.ts'
export type { InboundMessage, Mention, MessageResource } from './protocol/model/inbound-message.ts'
export type { DeadLetter, DeadLetterId, DeadLetterPage } from './protocol/model/message.ts'
export type { BotStatus, ConnectionStatus, SupervisorStatus } from './protocol/model/status.ts'
