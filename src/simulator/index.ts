export { type ErrorCode, FeishuSupervisorError } from '../core/errors.ts'
export type { SimulatedApp } from './shared/app-directory.ts'
export type { Assumptions } from './shared/assumptions.ts'
export type { BotMessage, CardPress } from './users/bot-message.ts'
export type { CallbackAnswer, CardClickResult } from './events/callback-answer.ts'
export { checkHistory, type HistoryCheck } from './history/check-history.ts'
export { SimulatorClient } from './control/client.ts'
export type { ClientConfig } from './gateway/client-config.ts'
export type {
  ApiCallName,
  FailNext,
  FailureMode,
  Fault,
  FaultyCall,
  Schedule,
  SpoilNext,
  Spoiling,
  StruckConnections,
} from './faults/fault.ts'
export {
  type EntryOf,
  entryOf,
  type History,
  type HistoryEntry,
  type HistoryEvent,
  type HistoryKind,
  type PushOfEvent,
} from './history/history.ts'
export { type LaunchedSimulator, launchSimulator, type SimulatorConfig } from './launch.ts'
export type { RateLimits } from './shared/rate-limits.ts'
export type { StoredMessage } from './shared/stored-message.ts'
export type { ReplyProgress } from './history/reply-waiter.ts'
export type { UserMessageType } from './messages/sample-content.ts'
export type { SentMessage } from './users/sent-message.ts'
export type { SimulatedUser } from './users/simulated-user.ts'
export { FeishuSimulator, type SimulatorOptions } from './simulator.ts'
export type { TrafficPlan, TrafficProgress } from './users/traffic.ts'
export type {
  CardClick,
  MembershipChange,
  MenuClick,
  RawEvent,
  Reaction,
  Reading,
  UserAction,
} from './users/user-action.ts'
export type { Mentionable, UserChat, Writing } from './users/user-chat.ts'
export type { TypedMessage, UserMessage, UserWriting } from './messages/user-message.ts'
export type { WaitOptions } from './history/history.ts'
export type { Webhook } from './events/webhook.ts'
