export { type ErrorCode, FeishuSupervisorError } from '../core/errors.ts'
export type { SimulatedApp } from './app-directory.ts'
export type { Assumptions } from './assumptions.ts'
export type { BotMessage, CardPress } from './bot-message.ts'
export type { CallbackAnswer, CardClickResult } from './callback-answer.ts'
export { checkHistory, type HistoryCheck } from './check-history.ts'
export { SimulatorClient } from './client.ts'
export type { ClientConfig } from './client-config.ts'
export type { FailNext, FailureMode, Fault, FaultyCall, Schedule, SpoilNext, Spoiling } from './fault.ts'
export {
  type EntryOf,
  entryOf,
  type History,
  type HistoryEntry,
  type HistoryEvent,
  type HistoryKind,
} from './history.ts'
export { type LaunchedSimulator, launchSimulator, type SimulatorConfig } from './launch.ts'
export type { RateLimits } from './rate-limits.ts'
export type { ReplyProgress } from './reply-watch.ts'
export type { UserMessageType } from './sample-content.ts'
export type { SentMessage } from './sent-message.ts'
export type { SimulatedUser } from './simulated-user.ts'
export { FeishuSimulator, type SimulatorOptions } from './simulator.ts'
export type { TrafficPlan, TrafficProgress } from './traffic.ts'
export type { CardClick, MembershipChange, MenuClick, RawEvent, Reaction, Reading, UserAction } from './user-action.ts'
export type { Mentionable, UserChat, Writing } from './user-chat.ts'
export type { TypedMessage, UserMessage, UserWriting } from './user-message.ts'
export type { WaitOptions } from './wait-options.ts'
export type { Webhook } from './webhook.ts'
