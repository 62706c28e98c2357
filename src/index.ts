export { createFeishuSupervisor } from './app/create-feishu-supervisor.ts'
export type { FeishuSupervisor } from './app/feishu-supervisor.ts'
export { type ErrorCode, ERROR_CODES, type ErrorRecord, FeishuSupervisorError } from './core/errors.ts'
export type { ChildState, ChildEnding, LastExit } from './core/lifecycle/child-state.ts'
export type { ChildStatus } from './core/lifecycle/child-status.ts'
export type { ExitReason } from './core/lifecycle/exit-reason.ts'
export type { LogLevel, LogRecord } from './core/log/logger.ts'
export {
  type CardActionHandler,
  type ChatContext,
  type ChatHandler,
  type ChatHandlers,
  defineHandler,
  defineHandlers,
  type EventHandler,
  type HistoryMessage,
} from './handlers/define-handler.ts'
export { HandlerError, type HandlerErrorOptions } from './handlers/handler-error.ts'
export type {
  CardReply,
  FileReply,
  ImageReply,
  MarkdownReply,
  MentionOptions,
  PostBody,
  PostElement,
  PostReply,
  Reply,
  ReplyOptions,
  StreamOptions,
  TextReply,
  Upload,
} from './handlers/reply.ts'
export type { FeishuSupervisorOptions } from './options/feishu-supervisor-options.ts'
export type { HandlerOption } from './options/handlers.ts'
export type {
  ApiTokenRecord,
  AuditEntry,
  AuditOptions,
  AuditQuery,
  Authorize,
  NewToken,
  NewTokenOptions,
  Principal,
  Scope,
} from './protocol/model/access.ts'
export type { BotChange, BotInput, NewBotOptions } from './protocol/model/bot-input.ts'
export type { AnswerPolicy, BotLimits, BotPolicy, Isolation, SettingChange } from './protocol/model/bot-settings.ts'
export type { BotSource, BotWriter, SourceBot, SourceRecord } from './protocol/model/bot-source.ts'
export type { ConnectionWord } from './protocol/model/status.ts'
export type { EventBase } from './protocol/model/event-base.ts'
export type { Alert, AlertKind, EventMap, MessageEvent, RestartEvent } from './protocol/model/events.ts'
export type { Finding } from './protocol/model/finding.ts'
export type {
  CardActionDetails,
  CardResponse,
  CardToast,
  InboundCardAction,
  InboundEvent,
  InboundEventKind,
  InboundMembership,
  InboundMenu,
  InboundOther,
  InboundP2pEntered,
  InboundReaction,
} from './protocol/model/inbound-event.ts'
export type { InboundMessage, Mention, MessageResource } from './protocol/model/inbound-message.ts'
export type { DeadLetter, DeadLetterId } from './protocol/model/message.ts'
export type {
  DeadLetterQuery,
  MessageDetail,
  MessageQuery,
  MessageState,
  MessageSummary,
  Page,
  ReplySummary,
} from './protocol/model/message-log.ts'
export type {
  BotRecord,
  BotReport,
  BotStatus,
  ConnectionStateName,
  ConnectionStatus,
  ConnectionTrouble,
  ConnectionTroubleKind,
  Flood,
  PoolStats,
  StuckBot,
  SupervisorReport,
  SupervisorStatus,
} from './protocol/model/status.ts'
export type { AlertOptions } from './protocol/options/alert-options.ts'
export type { BackoffOptions } from './protocol/options/backoff-options.ts'
export type {
  BackendHandler,
  BuiltInHandler,
  HttpHandler,
  ModuleHandler,
  OpenAiHandler,
} from './protocol/options/built-in-handlers.ts'
export type { ConnectionOptions } from './protocol/options/connection-options.ts'
export type { MessageHandlingOptions } from './protocol/options/handling-options.ts'
export type { DeadLetterLimitOptions, HealthOptions } from './protocol/options/health-options.ts'
export type { RestartLimitOptions, SupervisionOptions } from './protocol/options/supervision-options.ts'
