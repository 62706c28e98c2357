import type { SimulatedApp } from '../shared/app-directory.ts'
import type { CardClickResult } from '../events/callback-answer.ts'
import type { Fault } from '../faults/fault.ts'
import type { History } from '../history/history.ts'
import type { ReplyProgress } from '../history/reply-waiter.ts'
import type { SimulatedUser } from '../users/simulated-user.ts'
import type { TrafficPlan, TrafficProgress } from '../users/traffic.ts'
import type {
  CardClick,
  MembershipChange,
  MenuClick,
  RawEvent,
  Reaction,
  Reading,
  UserAction,
} from '../users/user-action.ts'
import type { TypedMessage, UserMessage } from '../messages/user-message.ts'
import type { Webhook } from '../events/webhook.ts'

interface SentEvent {
  readonly eventId: string
}

interface SentMessageEvent extends SentEvent {
  readonly messageId: string
}

/** The part of a simulator that another process can control. */
export interface SimulatorControls {
  readonly history: History
  readonly apps: readonly SimulatedApp[]
  addApp(app: Partial<SimulatedApp>): SimulatedApp
  useWebhook(appId: string, webhook: Webhook): Promise<void>
  useLongConnection(appId: string): void
  user(name: string): SimulatedUser
  sendText(message: UserMessage): SentMessageEvent
  sendMessage(message: TypedMessage): SentMessageEvent
  react(reaction: Reaction): SentEvent
  recall(messageId: string): SentEvent
  addBotToChat(change: MembershipChange): SentEvent
  removeBot(change: MembershipChange): SentEvent
  enterP2p(action: UserAction): SentEvent
  clickMenu(click: MenuClick): SentEvent
  read(reading: Reading): SentEvent
  sendEvent(event: RawEvent): SentEvent
  clickCard(click: CardClick): Promise<CardClickResult>
  startTraffic(plan: TrafficPlan): { readonly id: string; readonly done: Promise<TrafficProgress> }
  trafficProgress(id: string): TrafficProgress | undefined
  waitForReplies(options: { readonly count?: number; readonly timeoutMs: number }): Promise<ReplyProgress>
  inject(fault: Fault): void
}
