import { Hono } from 'hono'
import { errorText, FeishuSupervisorError } from '../core/errors.ts'
import { AppDirectory, type SimulatedApp } from './app-directory.ts'
import { type ClientConfig, DEFAULT_CLIENT_CONFIG } from './client-config.ts'
import { controlRoutes } from './control-api.ts'
import { discoveryRoutes } from './discovery.ts'
import type { CallbackAnswer } from './callback-answer.ts'
import { EventDelivery } from './event-delivery.ts'
import { type FailNext, FailurePlan, type Fault } from './fault.ts'
import { Gateway } from './gateway.ts'
import { History } from './history.ts'
import { apiError, type PlatformEnv, withLogId } from './http-answer.ts'
import { newId, seededRandom } from './ids.ts'
import { MessageBoard } from './message-board.ts'
import { openApiRoutes } from './open-api.ts'
import { PlatformServer } from './platform-server.ts'
import { DEFAULT_RATE_LIMITS, RateLimit, type RateLimits } from './rate-limits.ts'
import { type ReplyProgress, ReplyWatch } from './reply-watch.ts'
import { SimulatedUser } from './simulated-user.ts'
import type { StoredMessage } from './stored-message.ts'
import { TimerSet } from './timer-set.ts'
import { TokenDesk } from './token-desk.ts'
import { Traffic, type TrafficPlan, type TrafficProgress } from './traffic.ts'
import type { CardClick, MembershipChange, MenuClick, Reaction, UserAction } from './user-action.ts'
import type { TypedMessage, UserMessage } from './user-message.ts'
import { Users } from './users.ts'

export interface SimulatorOptions {
  /** Multiplies the waits before redeliveries (15 s, 5 min, 1 h, 6 h). Default 1. */
  readonly timeScale?: number
  /** Time to acknowledge a push; not scaled. Default 3000 [D]. */
  readonly ackDeadlineMs?: number
  /** In seconds, fractions allowed. Default 120, 120, 30, -1 [F]. */
  readonly clientConfig?: Partial<ClientConfig>
  /** Decides which of several connections gets an event. Default 1. */
  readonly seed?: number
  /** Event payloads above this are fragmented. Default 65536; the platform's own limit is unknown [A]. */
  readonly fragmentBytes?: number
  /** How often bots may send. Default 5 per second and chat, 50 per second and app [D]; 0 lets any number through. */
  readonly limits?: Partial<RateLimits>
}

const DEFAULTS = {
  timeScale: 1,
  ackDeadlineMs: 3000,
  seed: 1,
  fragmentBytes: 65_536,
} as const satisfies SimulatorOptions

/**
 * A Feishu that runs locally: discovery, the long connection, tokens and messages, with users who write and
 * faults on demand. Faithful unless a fault is ordered. Loopback only: it checks no caller.
 *
 * Each behaviour names its source: [D] documented, [S] read in SDK source, [R] observed with the SDK,
 * [F] reported from the field, [A] assumed.
 */
export class FeishuSimulator {
  readonly history = new History()
  readonly #apps = new AppDirectory()
  readonly #timers = new TimerSet()
  readonly #tokens = new TokenDesk(this.#timers)
  readonly #board: MessageBoard
  readonly #failures = new FailurePlan((call, appId) => this.history.append({ kind: 'fault_applied', call, appId }))
  readonly #traffic = new Map<string, Traffic>()
  readonly #replies = new ReplyWatch(this.history, () =>
    [...this.#traffic.values()].some((one) => !one.progress.isDone),
  )
  readonly #delivery: EventDelivery
  readonly #users: Users
  readonly #gateway: Gateway
  readonly #server: PlatformServer

  constructor(options: SimulatorOptions = {}) {
    const { timeScale, ackDeadlineMs, seed, fragmentBytes } = { ...DEFAULTS, ...options }
    const clientConfig = { ...DEFAULT_CLIENT_CONFIG, ...options.clientConfig }
    const { perChat, perApp } = { ...DEFAULT_RATE_LIMITS, ...options.limits }
    this.#board = new MessageBoard(this.#timers, perChat)
    this.#delivery = new EventDelivery({
      timeScale,
      ackDeadlineMs,
      random: seededRandom(seed),
      connectionsOf: (appId) => this.#gateway.connectionsOf(appId),
      clock: this.#timers,
      history: this.history,
    })
    this.#users = new Users({
      board: this.#board,
      delivery: this.#delivery,
      history: this.history,
      clock: this.#timers,
      requireApp: (appId) => this.#apps.require(appId),
    })
    this.#gateway = new Gateway({
      clientConfig,
      fragmentBytes,
      failures: this.#failures,
      history: this.history,
      listener: this.#delivery,
    })
    this.#server = this.#createServer(clientConfig, new RateLimit(perApp, this.#timers))
  }

  /** Port 0 (default) takes a free one. A simulator is started once. */
  async start({ port = 0, host = '127.0.0.1' }: { port?: number; host?: string } = {}): Promise<{ url: string }> {
    await this.#server.start(port, host)
    return { url: this.#server.origin }
  }

  /** Closes everything that was opened; the history stays. Tolerates never-started and twice. */
  async stop(): Promise<void> {
    for (const traffic of this.#traffic.values()) traffic.stop()
    this.#timers.stop()
    this.#delivery.stop()
    this.#replies.stop()
    await this.#server.stop()
  }

  /** Creates an app with its bot; what is not given is made up. */
  addApp(app: Partial<SimulatedApp> = {}): SimulatedApp {
    return this.#apps.add(app)
  }

  /** The person of this name, who can write to bots. */
  user(name: string): SimulatedUser {
    return new SimulatedUser(this, name)
  }

  /** What a bot has posted, oldest first. */
  messagesOfBot(appId: string): StoredMessage[] {
    return this.#board.messagesOfBot(appId)
  }

  /** A user writes a text to the bot of an app. */
  sendText(message: UserMessage): { messageId: string; eventId: string } {
    return this.#users.send(message)
  }

  /** A user sends a message of any type. */
  sendMessage(message: TypedMessage): { messageId: string; eventId: string } {
    return this.#users.send(message)
  }

  /** A user adds an emoji to a message or takes it back. */
  react(reaction: Reaction): { eventId: string } {
    return this.#users.react(reaction)
  }

  /** A user takes a message back. */
  recall(messageId: string): { eventId: string } {
    return this.#users.recall(messageId)
  }

  addBotToChat(change: MembershipChange): { eventId: string } {
    return this.#users.changeMembership(change, true)
  }

  removeBot(change: MembershipChange): { eventId: string } {
    return this.#users.changeMembership(change, false)
  }

  /** A user opens the chat with the bot. */
  enterP2p(action: UserAction): { eventId: string } {
    return this.#users.enterP2p(action)
  }

  clickMenu(click: MenuClick): { eventId: string } {
    return this.#users.clickMenu(click)
  }

  /** A user presses a button of a card, and sees the answer or, after the deadline, an error. */
  clickCard(click: CardClick): Promise<{ eventId: string } & CallbackAnswer> {
    return this.#users.clickCard(click)
  }

  /** Users write at a given pace, without waiting for answers. */
  startTraffic(plan: TrafficPlan): { id: string; done: Promise<TrafficProgress> } {
    for (const { appId } of plan.chats) this.#apps.require(appId)
    if (plan.chats.length === 0) throw new FeishuSupervisorError('CONFIG_INVALID', 'traffic needs at least one chat')
    const traffic = new Traffic(newId(), plan, (message) => this.sendText(message), this.#timers)
    this.#traffic.set(traffic.id, traffic)
    return { id: traffic.id, done: traffic.done }
  }

  /** Undefined for an unknown id. */
  trafficProgress(id: string): TrafficProgress | undefined {
    return this.#traffic.get(id)?.progress
  }

  /**
   * Resolves when `count` messages have a visible reply; without `count`, when all have and no traffic is running.
   * After `timeoutMs` it resolves too, with `isComplete: false`.
   */
  waitForReplies(options: { readonly count?: number; readonly timeoutMs: number }): Promise<ReplyProgress> {
    return this.#replies.wait(options)
  }

  /** The first history entry that matches, past or future; see `History.once`. */
  once: History['once'] = this.history.once.bind(this.history)

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

  failNext(failure: FailNext): void {
    this.inject({ kind: 'fail_next', ...failure })
  }

  inject(fault: Fault): void {
    if (fault.appId !== undefined) this.#apps.require(fault.appId)
    this.history.append({ kind: 'fault', fault })
    if (fault.kind === 'fail_next') return this.#failures.add(fault)
    if (fault.kind === 'revoke_tokens') return this.#tokens.revoke(fault.appId)
    for (const connection of this.#gateway.connectionsOf(fault.appId)) {
      if (fault.kind === 'withhold_acks') connection.withholdAcks()
      else if (fault.kind === 'freeze_connections') connection.freeze()
      else if (fault.mode === 'reset') connection.reset()
      else connection.close(fault.code ?? 1001)
    }
  }

  #createServer(clientConfig: ClientConfig, appLimit: RateLimit): PlatformServer {
    const parts = { apps: this.#apps, failures: this.#failures, history: this.history }
    const app = new Hono<PlatformEnv>()
      .use(withLogId)
      .route('/', discoveryRoutes({ ...parts, gateway: this.#gateway, clientConfig }))
      .route('/open-apis', openApiRoutes({ ...parts, tokens: this.#tokens, board: this.#board, appLimit }))
      .route('/_simulator', controlRoutes(this))
      .onError((thrown, c) => c.json(apiError(c, 500, 5000, errorText(thrown)).body, 500))
      .notFound((c) => c.json(apiError(c, 404, 404, 'no such route').body, 404))
    return new PlatformServer(app, (...upgrade) => this.#gateway.handleUpgrade(...upgrade))
  }
}
