import { Hono } from 'hono'
import { errorText, FeishuSupervisorError } from '../core/errors.ts'
import type { SimulatedApp } from './shared/app-directory.ts'
import type { CardClickResult } from './events/callback-answer.ts'
import { controlRoutes } from './control/control-api.ts'
import type { FailNext, Fault, SpoilNext } from './faults/fault.ts'
import type { History } from './history/history.ts'
import { apiError, neverAnswered, type PlatformContext, type PlatformEnv, withLogId } from './http/http-answer.ts'
import { newId } from './shared/ids.ts'
import { pageRoutes } from './control/page-routes.ts'
import { createPlatform, type Platform } from './platform.ts'
import { PlatformServer } from './http/platform-server.ts'
import { type ReplyProgress, ReplyWaiter } from './history/reply-waiter.ts'
import { SimulatedUser } from './users/simulated-user.ts'
import { applyFault } from './apply-fault.ts'
import { resolveSimulatorOptions, type SimulatorOptions } from './simulator-options.ts'
import type { StoredMessage } from './shared/stored-message.ts'
import { TimerSet } from './shared/timer-set.ts'
import { Traffic, type TrafficPlan, type TrafficProgress } from './users/traffic.ts'
import type {
  CardClick,
  MembershipChange,
  MenuClick,
  RawEvent,
  Reaction,
  Reading,
  UserAction,
} from './users/user-action.ts'
import type { TypedMessage, UserMessage } from './messages/user-message.ts'
import type { Webhook } from './events/webhook.ts'

export type { SimulatorOptions } from './simulator-options.ts'

/**
 * A local Feishu: discovery, the long connection, tokens and messages, with users who write and faults on demand.
 * It behaves like Feishu unless a fault is ordered. Loopback only: callers are not authenticated.
 *
 * Each behaviour names its source: [D] documented, [S] read in SDK source, [R] observed with the SDK,
 * [F] reported from the field, [A] assumed.
 */
export class FeishuSimulator {
  readonly #timers = new TimerSet()
  readonly #platform: Platform
  readonly #traffic = new Map<string, Traffic>()
  readonly #replies: ReplyWaiter
  readonly #server: PlatformServer
  #isDown = false

  constructor(options: SimulatorOptions = {}) {
    this.#platform = createPlatform(resolveSimulatorOptions(options), this.#timers)
    this.#replies = new ReplyWaiter(this.history, () => [...this.#traffic.values()].some((one) => !one.progress.isDone))
    const app = this.#platform
      .mount(new Hono<PlatformEnv>().use(withLogId).use((c, next) => this.#cutWhileDown(c, next)))
      .route('/', pageRoutes())
      .route('/_simulator', controlRoutes(this))
      .onError((thrown, c) => c.json(apiError(c, 500, 5000, errorText(thrown)).body, 500))
      .notFound((c) => c.json(apiError(c, 404, 404, 'no such route').body, 404))
    this.#server = new PlatformServer(app, (request, socket, head) => {
      if (this.#isDown) socket.resetAndDestroy()
      else this.#platform.gateway.handleUpgrade(request, socket, head)
    })
  }

  get history(): History {
    return this.#platform.history
  }

  /** Starts the simulator, once. Port 0 (default): a free port. */
  async start({ port = 0, host = '127.0.0.1' }: { port?: number; host?: string } = {}): Promise<{ url: string }> {
    await this.#server.start(port, host)
    return { url: this.#server.origin }
  }

  /** Closes all that was opened. The history stays. Allowed before the start and twice. */
  async stop(): Promise<void> {
    for (const traffic of this.#traffic.values()) traffic.stop()
    this.#timers.stop()
    this.#platform.delivery.stop()
    this.#platform.webhooks.stop()
    this.#replies.stop()
    await this.#server.stop()
  }

  /** Creates an app with its bot. Missing fields are generated. */
  addApp(app: Partial<SimulatedApp> = {}): SimulatedApp {
    return this.#platform.apps.add(app)
  }

  /**
   * Sends the app's events to a URL from now on, instead of the long connection. First checks the URL as the developer
   * console does: rejects with `CONFIG_INVALID` unless the challenge is answered within a second. [D]
   */
  async useWebhook(appId: string, webhook: Webhook): Promise<void> {
    const { verificationToken = '' } = this.#platform.apps.require(appId)
    await this.#platform.webhooks.use(appId, webhook, verificationToken)
  }

  /** Sends the app's events to its long connections again. */
  useLongConnection(appId: string): void {
    this.#platform.webhooks.drop(this.#platform.apps.require(appId).appId)
  }

  get apps(): readonly SimulatedApp[] {
    return this.#platform.apps.all
  }

  /** Returns the user of this name, who can write to bots. */
  user(name: string): SimulatedUser {
    const { users, chats, history } = this.#platform
    return new SimulatedUser({ users, chats, history }, name)
  }

  /** Messages of a bot, oldest first. */
  messagesOfBot(appId: string): StoredMessage[] {
    return this.#platform.chats.messagesOfBot(appId)
  }

  /** Sends a user's text to the bot of an app. */
  sendText(message: UserMessage): { messageId: string; eventId: string } {
    return this.#platform.users.send(message)
  }

  /** Sends a user's message of any type. */
  sendMessage(message: TypedMessage): { messageId: string; eventId: string } {
    return this.#platform.users.send(message)
  }

  /** Adds or removes a user's emoji on a message. */
  react(reaction: Reaction): { eventId: string } {
    return this.#platform.users.react(reaction)
  }

  /** Recalls a user's message. */
  recall(messageId: string): { eventId: string } {
    return this.#platform.users.recall(messageId)
  }

  addBotToChat(change: MembershipChange): { eventId: string } {
    return this.#platform.users.changeMembership(change, true)
  }

  removeBot(change: MembershipChange): { eventId: string } {
    return this.#platform.users.changeMembership(change, false)
  }

  /** Opens a user's chat with the bot. */
  enterP2p(action: UserAction): { eventId: string } {
    return this.#platform.users.enterP2p(action)
  }

  clickMenu(click: MenuClick): { eventId: string } {
    return this.#platform.users.clickMenu(click)
  }

  /** Marks messages of the bot as read by a user. */
  read(reading: Reading): { eventId: string } {
    return this.#platform.users.read(reading)
  }

  /** Sends any event, for types without a user action here. */
  sendEvent(event: RawEvent): { eventId: string } {
    return this.#platform.users.sendEvent(event)
  }

  /** Clicks a button of a card as a user. Resolves with the answer or, after the deadline, with an error. */
  clickCard(click: CardClick): Promise<CardClickResult> {
    return this.#platform.users.clickCard(click)
  }

  /** Starts traffic: users write at a given rate, without waiting for answers. */
  startTraffic(plan: TrafficPlan): { id: string; done: Promise<TrafficProgress> } {
    for (const { appId } of plan.chats) this.#platform.apps.require(appId)
    if (plan.chats.length === 0) throw new FeishuSupervisorError('CONFIG_INVALID', 'traffic needs at least one chat')
    const traffic = new Traffic(newId(), plan, (message) => this.sendText(message), this.#timers)
    this.#traffic.set(traffic.id, traffic)
    return { id: traffic.id, done: traffic.done }
  }

  /** Progress of a traffic. Undefined for an unknown id. */
  trafficProgress(id: string): TrafficProgress | undefined {
    return this.#traffic.get(id)?.progress
  }

  /**
   * Resolves when `count` messages have a visible reply. Without `count`: when all messages have one and no traffic is
   * running. After `timeoutMs` it resolves with `isComplete: false`.
   */
  waitForReplies(options: { readonly count?: number; readonly timeoutMs: number }): Promise<ReplyProgress> {
    return this.#replies.wait(options)
  }

  /** Resolves with the first matching history entry, past or future, see `History.once`. */
  readonly once: History['once'] = (...wait: Parameters<History['once']>) => this.history.once(...wait)

  closeConnections(appId: string, how: { readonly mode: 'close' | 'reset'; readonly code?: number }): void {
    this.inject({ kind: 'close_connections', appId, ...how })
  }

  withholdAcks(appId: string): void {
    this.inject({ kind: 'withhold_acks', appId })
  }

  freezeConnections(appId: string): void {
    this.inject({ kind: 'freeze_connections', appId })
  }

  revokeTokens(appId: string): void {
    this.inject({ kind: 'revoke_tokens', appId })
  }

  spoilNext(spoiling: SpoilNext): void {
    this.inject({ kind: 'spoil_next', ...spoiling })
  }

  failNext(failure: FailNext): void {
    this.inject({ kind: 'fail_next', ...failure })
  }

  inject(fault: Fault): void {
    if (fault.appId !== undefined) this.#platform.apps.require(fault.appId)
    this.history.append({ kind: 'fault', fault })
    if (fault.kind === 'restart_platform') this.#restart(fault.downMs)
    else applyFault(this.#platform, fault)
  }

  /** Cuts all calls while the platform is down, except those of the control API. */
  #cutWhileDown(c: PlatformContext, next: () => Promise<void>): Promise<Response | void> {
    if (!this.#isDown || c.req.path.startsWith('/_simulator')) return next()
    c.env.incoming.socket.resetAndDestroy()
    return neverAnswered()
  }

  #restart(downMs: number): void {
    this.#isDown = true
    this.#platform.gateway.restart()
    this.#timers.after(downMs, () => {
      this.#isDown = false
    })
  }
}
